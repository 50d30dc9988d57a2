"""Whether the way out is open, for those who ask beside the sweep that watches it.

Discovery asks canaries and tells what they say; collection asks nobody while the way is closed, and takes no silence
for an answer before a canary has spoken after it. Without canaries nobody knows: everything is trusted then, and the
report says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Waiting:
    ended_s: float
    verdict: asyncio.Future[bool]


class Way:
    """The way out of this vantage. Times are seconds on a steady clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = asyncio.Event()
        self._open.set()
        self._watched = False
        self._opened_s = clock()
        self._waiting: list[_Waiting] = []

    def now_s(self) -> float:
        """The time on its clock."""
        return self._clock()

    async def wait_until_open(self) -> None:
        """Return at once, or when a pause is over."""
        await self._open.wait()

    async def was_open(self, began_s: float) -> bool:
        """Whether what began at `began_s` and has just ended met an open way; waits until somebody knows."""
        if not self._watched:
            return True
        if began_s < self._opened_s:
            return False
        verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(self._clock(), verdict))
        return await verdict

    def watch(self) -> None:
        """Canaries are being asked from now on."""
        self._watched = True

    def confirm(self, asked_s: float) -> None:
        """A canary that was asked then has answered."""
        known = [waiting for waiting in self._waiting if waiting.ended_s <= asked_s]
        self._waiting = [waiting for waiting in self._waiting if waiting.ended_s > asked_s]
        _tell(known, True)

    def close(self) -> None:
        """It is closed now, and may have been since the last confirmation."""
        self._open.clear()
        self.doubt()

    def reopen(self) -> None:
        """It is open again; what began before has met a closed one."""
        self.doubt()
        self._open.set()

    def doubt(self) -> None:
        """Nothing since the last confirmation is to be trusted."""
        self._opened_s = self._clock()
        doubted, self._waiting = self._waiting, []
        _tell(doubted, False)

    def retire(self) -> None:
        """Nobody watches any more: the last canary was heard after everything that is in doubt."""
        self._watched = False
        self._open.set()
        known, self._waiting = self._waiting, []
        _tell(known, True)


def _tell(those: list[_Waiting], verdict: bool) -> None:
    for waiting in those:
        if not waiting.verdict.done():  # whoever waited may have been cancelled
            waiting.verdict.set_result(verdict)
