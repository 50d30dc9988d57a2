"""A vantage asks one piece: a study of its own, under a lease, copied to the office while it goes on.

Three things go on at the same time: asking, renewing the lease, and copying. Whatever goes wrong in one ends all
three, and what was found up to then is on disk here and, but for the last second, at the office. So is every end: a
vantage that is told to stop, that loses its lease or that is killed leaves a piece as an interruption leaves a run.

Leases are renewed in another event loop than the one that asks, which stands still for a second or ten where a slow
disk has much to write: a loop that stands still asks nobody. It also follows a lease, or gives up, when it goes on.

The lease is counted here from when its renewal was asked for, at the office from when it was granted, which is later,
and it ends here a margin earlier. So no clock has to be right, only to go at the right speed. The clock goes on while
the machine sleeps (CLOCK_BOOTTIME).
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mailcensus.dataset.run import CurrentRun, run_file
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.study import Settings, StageFailed, Study
from mailcensus.vantages.leases import LEASE_S, LeaseLost
from mailcensus.vantages.messages import ASK, DONE, Office, Renewed, Start, Unreachable
from mailcensus.vantages.mirror import Changes, changes
from mailcensus.vantages.pieces import write_files
from mailcensus.vantages.stages import Stages

RENEW_S = 1.0
_MARGIN_S = 2.0
"""So much earlier than at the office a lease ends here."""
_WAIT_S = 0.5
_LEASE = "lease"
"""File of a piece that says until when it may be asked, for packet engines."""
_LAST_WORD_S = 5.0


class Stopped(Exception):
    """The vantage was told to stop."""


def now_s() -> float:
    """A steady clock that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def ask_piece(
    office: Office,
    piece: str,
    vantage: str,
    *,
    renewing: asyncio.AbstractEventLoop,
    is_stopping: Callable[[], bool],
    on_rest: Callable[[], None],
) -> None:
    """Ask a piece to its end.

    Args:
        office: the office.
        piece: name of the piece.
        vantage: name of this vantage, which its grabs carry.
        renewing: the loop in which leases are renewed.
        is_stopping: whether to leave the rest to others.
        on_rest: called once, when the piece mostly waits from now on: this vantage may ask another one beside it.

    Raises:
        LeaseLost: somebody else asks it, or the office cannot be reached.
        Unreachable: the same, before anybody was asked.
        Stopped: this vantage is to stop; the piece is somebody else's now.
        StudyError: this machine cannot go on.
        OSError: the same: a file of the piece cannot be written or read.
    """
    holder = f"{piece} {secrets.token_hex(8)}"
    while (start := await office.begin(piece, holder, vantage)).todo != ASK:
        if start.todo == DONE:
            return
        if is_stopping():
            raise Stopped
        await asyncio.sleep(_WAIT_S)
    with TemporaryDirectory(prefix="mailcensus-piece-") as directory:
        study = _study_of(Path(directory), vantage, start)
        errand = _Errand(office, piece, holder, study, start, is_stopping, on_rest)
        try:
            await errand.run(renewing)
        finally:
            await _unless_unreachable(office.end(holder))


@dataclass(frozen=True, slots=True)
class _Followed:
    """A lease that is kept to."""

    number: int
    since_s: float


class _Errand:
    """One piece, from the first renewal of its lease to the last."""

    def __init__(
        self,
        office: Office,
        piece: str,
        holder: str,
        study: Study,
        start: Start,
        is_stopping: Callable[[], bool],
        on_rest: Callable[[], None],
    ) -> None:
        self._office = office
        self._piece = piece
        self._holder = holder
        self._study = study
        self._start = start
        self._is_stopping = is_stopping
        self._on_rest = on_rest
        self._copied = set(start.parts)
        self._stages = Stages(study)
        self._has_rested = False
        self._door: Dialer | None = None
        self._loop = asyncio.get_running_loop()
        self._granted = asyncio.Event()
        self._share = 0.0
        self._followed = _Followed(0, 0.0)
        self._until_s = now_s() + LEASE_S - _MARGIN_S
        self._kept_to = 0

    async def run(self, renewing_on: asyncio.AbstractEventLoop) -> None:
        """Ask to the end; raises as `ask_piece`."""
        try:
            async with asyncio.TaskGroup() as group:
                keeping = asyncio.run_coroutine_threadsafe(self._keep_lease(), renewing_on)
                renewing = group.create_task(_result_of(keeping))
                await self._fetch()
                copying = group.create_task(self._keep_copying())
                await self._granted.wait()
                await self._ask()
                copying.cancel()
                await self._hand_over()
                renewing.cancel()
        except BaseExceptionGroup as failures:
            if self._granted.is_set():
                await _unless_unreachable(self._copy())
            self._say_if_lost(failures.exceptions[0])
            raise failures.exceptions[0] from None

    def _say_if_lost(self, failure: BaseException) -> None:
        """A packet engine that is killed for its lease may be heard of before the lease is."""
        if isinstance(failure, StageFailed) and now_s() >= int(self._until_s):
            raise LeaseLost("the office cannot be reached") from None

    async def _fetch(self) -> None:
        """What earlier vantages have found of the piece."""
        data = self._study.data
        for part in self._start.parts:
            (data / part).parent.mkdir(exist_ok=True)
            (data / part).write_bytes(await self._office.fetch(self._piece, part))
        if not run_file(data).exists():
            run_file(data).write_text(json.dumps({"run_id": self._start.run_id, "stages": {}}))

    async def _ask(self) -> None:
        with CurrentRun(self._study.data, datetime.now(UTC)) as run:
            async with open_door(self._study, run) as door:
                self._door = door
                door.lease = self._study.directory / _LEASE if self._sends_packets else None
                self._keep_to_share()
                await self._stages.ask(run, door)
            self._door = None

    def _keep_to_share(self) -> None:
        self._stages.keep_to_share(self._share)
        if self._door is not None:
            self._door.keep_to_share(self._share)

    async def _keep_lease(self) -> None:
        """Renew the lease until it is lost or this is cancelled. Runs in a loop of its own."""
        exclusions_version = 0
        while True:
            asked_at_s = now_s()
            try:
                async with asyncio.timeout(max(0.0, self._until_s - asked_at_s)):
                    renewed = await self._office.renew(
                        self._holder, self._kept_to, self._wants, self._stages.progress, exclusions_version
                    )
            except (Unreachable, TimeoutError):
                if now_s() + RENEW_S >= self._until_s:
                    raise LeaseLost("the office cannot be reached") from None
            else:
                self._until_s = asked_at_s + LEASE_S - _MARGIN_S
                if self._sends_packets:
                    await asyncio.to_thread(self._write_lease)
                if renewed.exclusions is not None:
                    write_files(self._study.directory, renewed.exclusions)
                    exclusions_version = renewed.exclusions_version
                self._loop.call_soon_threadsafe(self._follow, renewed)
            if self._is_stopping():
                raise Stopped
            await asyncio.sleep(RENEW_S)

    @property
    def _sends_packets(self) -> bool:
        return self._study.settings.discovery.engine != "connect"

    def _write_lease(self) -> None:
        """Where a packet engine's guard reads it, even while nothing else goes on here."""
        write_files(self._study.directory, {_LEASE: f"{int(self._until_s)}\n"})

    def _follow(self, renewed: Renewed) -> None:
        """Keep to a lease from now on, and note when it has been kept to for a while."""
        if renewed.number != self._followed.number:
            self._followed = _Followed(renewed.number, now_s())
            self._share = renewed.units * self._start.unit
            if renewed.units:
                self._keep_to_share()
                self._granted.set()
        if (self._door is None or self._door.keeps_to_share) and now_s() - self._followed.since_s >= RENEW_S:
            self._kept_to = self._followed.number
        if self._wants is not None and not self._has_rested:
            self._has_rested = True
            self._on_rest()

    async def _keep_copying(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(Unreachable):  # the lease ends if this goes on
                await self._copy()

    async def _hand_over(self) -> None:
        """The last copy; the office takes it for the whole."""
        while True:
            with suppress(Unreachable):
                await self._copy(is_done=True)
                return
            await asyncio.sleep(RENEW_S)

    async def _copy(self, *, is_done: bool = False) -> None:
        new: Changes = await asyncio.to_thread(changes, self._study.data, frozenset(self._copied))
        await self._office.bring(self._holder, new, self._stages.progress, is_done=is_done)
        self._copied = set(new.names)

    @property
    def _wants(self) -> int | None:
        """Units, as `Leases.renew` has it."""
        needs_per_s = self._stages.needs_per_s
        unit_per_s = self._start.unit * self._study.settings.politeness.connections_per_s
        return None if needs_per_s is None else math.ceil(needs_per_s / unit_per_s)


async def _result_of(work: Future[None]) -> None:
    """Of something in another loop; cancelled with it."""
    await asyncio.wrap_future(work)


async def _unless_unreachable(call: Awaitable[None]) -> None:
    """A last word to the office; it finds out by itself where that does not arrive."""
    with suppress(Unreachable, LeaseLost, TimeoutError):
        async with asyncio.timeout(_LAST_WORD_S):
            await call


def _study_of(directory: Path, vantage: str, start: Start) -> Study:
    """The study that a piece is to a vantage, without what has been found of it."""
    settings = Settings.model_validate_json(start.settings_json)
    named = settings.study.model_copy(update={"vantage": vantage})
    study = Study(directory, settings.model_copy(update={"study": named}))
    study.data.mkdir()
    write_files(directory, start.files)
    return study
