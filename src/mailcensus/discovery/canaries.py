"""Canaries: known responders that are asked while a population is, by TCP connect and through the same door.

What their answers mean is decided in `mailcensus.discovery.vigil`; here they are asked and recorded. `CanaryWatch`
serves both kinds of engine:

- The built-in sweep calls `sent` for each address that it takes and runs `keep_watch` beside its workers. When that
  returns, the workers are stopped and `judge` says where to go on.
- A packet engine works in slices. `await watch.slice(run_slice, first, stop)` asks canaries before, during and after
  one slice and says whether the slice counts. If not, the way was closed: `slice` has waited until it was open again,
  and the slice is to be run again.

Canaries are asked gently: through the dialer's gates, one question at a time while a sweep runs, the canaries in
turn, and none sooner than `canaries.rest_s` after its last one. At a high rate the share is therefore an upper limit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType

from mailcensus.dataset.vantage import CanaryLog
from mailcensus.discovery.responders import Responder, canaries_of
from mailcensus.discovery.vigil import Finding, Vigil
from mailcensus.model import CanaryAsk, Hit, Pause
from mailcensus.probe.dialer import EXHAUSTED, Dialer, Excluded
from mailcensus.probe.trouble import first_trouble
from mailcensus.probe.way import Way
from mailcensus.study import StageFailed, Study
from mailcensus.study.sections import CanariesSection

_LOG = logging.getLogger(__name__)

ENGINE = "connect"


class CanaryWatch:
    """Asks the canaries of one run, records it, and stops the run while they are silent. A context manager."""

    def __init__(
        self,
        canaries: Sequence[Responder],
        settings: CanariesSection,
        dialer: Dialer,
        log: CanaryLog,
        on_hit: Callable[[Hit], object],
        *,
        run_id: str,
        timeout_s: float,
        position: int = 0,
        way: Way | None = None,
    ) -> None:
        """Begin to watch.

        Args:
            canaries: at least one.
            on_hit: takes the first answer of each, marked as a canary's.
            timeout_s: how long one may take to answer.
            position: where the sweep goes on from; everything before it was trusted by an earlier session.
            way: told what the canaries say, for those who ask beside the sweep.
        """
        self._settings = settings
        self._dialer = dialer
        self._log = log
        self._on_hit = on_hit
        self._run_id = run_id
        self._timeout_s = timeout_s
        self._way = way or Way()
        self._way.watch()
        self._vigil = Vigil(
            canaries, silent_after=settings.silent_after, rest_s=settings.rest_s, trusted=position
        )
        self._every = max(1, round(1 / settings.share))
        self._sent = 0
        self._due = asyncio.Event()

    @property
    def trusted(self) -> int:
        """All addresses before this position were asked while the way was open; no checkpoint may go beyond it."""
        return self._vigil.trusted

    def sent(self, count: int = 1) -> None:
        """So many more addresses are being asked."""
        self._sent += count
        if self._sent >= self._every:
            self._sent = 0
            self._due.set()

    def __enter__(self) -> CanaryWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Store what was asked; after a good end nobody is watched any more."""
        self._log.flush()
        if kind is None:
            self._way.retire()

    async def begin(self, position: int) -> None:
        """Ask all canaries before anybody else; returns when one answers.

        Raises:
            StageFailed: this machine cannot open connections, or the record cannot be written.
        """
        await self._see(position, position)

    async def keep_watch(self, position: Callable[[], int]) -> None:
        """Ask canaries at their share; returns when there is reason to doubt.

        Args:
            position: gives the position before which everything is done with, at the moment of asking.
        """
        while not self._vigil.doubtful:
            await self._due.wait()
            self._due.clear()
            await self._ask_next(position)

    async def judge(self, position: int, reached: int | None = None) -> int:
        """Decide about the sweep so far, while no address is being asked; waits while no canary answers.

        Args:
            position: everything before it is done with.
            reached: nothing from here on has been asked; `position` where it is not given.

        Returns:
            The position to go on from: `position`, or an earlier one.
        """
        trusted = self.trusted
        finding = await self._see(position, position if reached is None else reached)
        return position if finding is Finding.OPEN else trusted

    async def slice(self, run: Callable[[], Awaitable[object]], first: int, stop: int) -> bool:
        """Run one slice of a sweep under watch.

        Args:
            run: asks the positions from `first` up to `stop`, and returns when all their answers are in. It may
                call `sent` as it goes. Where doubt arises it is cancelled, and must stop sending then.
            first: the first position of the slice.
            stop: the position after its last one.

        Returns:
            Whether the slice counts. If not it is to be run again; the way is open then.

        Raises:
            StageFailed: this machine cannot open connections, or the record cannot be written; or whatever `run`
                raises.
        """
        if self.trusted != first or self._vigil.last_answer_at is None:
            await self._see(first, first)
        sweep = asyncio.ensure_future(run())
        watch = asyncio.ensure_future(self._keep_time(first))
        try:
            await asyncio.wait({sweep, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            if not sweep.done():
                sweep.cancel()
            await asyncio.wait({sweep, watch})
        if not watch.cancelled():
            watch.result()
        if sweep.cancelled():
            await self._see(first, stop)
            return False
        sweep.result()
        return await self._see(stop, stop) is Finding.OPEN

    async def _keep_time(self, position: int) -> None:
        """As `keep_watch`, for a sweep that does not say what it sends: every canary's rest decides."""
        while not self._vigil.doubtful:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.rest_s):
                    await self._due.wait()
            self._due.clear()
            await self._ask_next(lambda: position)

    async def _see(self, position: int, reached: int) -> Finding:
        """A roll call, and a pause while nobody answers; what the sweep so far is worth."""
        since, back_to, began = self._vigil.last_answer_at, self.trusted, datetime.now(UTC)
        finding, asks = await self._roll_call(position)
        if finding is Finding.OPEN:
            return finding
        ended: datetime | None = None
        self._way.close()
        if finding is Finding.BLIND:
            _LOG.warning(_paused(since, len(self._vigil.canaries), self._settings.retry_s))
        try:
            while finding is Finding.BLIND:
                self._log.flush()
                await asyncio.sleep(self._settings.retry_s)
                finding, more = await self._roll_call(back_to)
                asks += more
            ended = datetime.now(UTC)
        finally:
            self._log.add_pause(
                Pause(
                    run_id=self._run_id,
                    silent_since=since,
                    began_at=began,
                    ended_at=ended,
                    asks=asks,
                    back_to=back_to,
                    reached=reached,
                )
            )
        self._way.reopen()
        _LOG.warning("canaries answer again; going on from position %d of %d reached", back_to, reached)
        return finding

    async def _roll_call(self, position: int) -> tuple[Finding, int]:
        """Ask every canary, each when it has rested; what was found, and how many could be asked."""
        at = datetime.now(UTC)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._ask_rested(canary, position)) for canary in self._vigil.canaries
                ]
        except BaseExceptionGroup as errors:
            raise first_trouble(errors) from None
        asks = [ask for task in tasks if (ask := task.result()) is not None]
        if not asks:
            raise StageFailed(
                "every canary is excluded; name others in canaries.hosts of study.toml, or none"
            )
        answered = [Responder(ask.ip, ask.port) for ask in asks if ask.answered]
        return self._vigil.roll_call(answered, position, at), len(asks)

    async def _ask_rested(self, canary: Responder, position: int) -> CanaryAsk | None:
        await asyncio.sleep(self._vigil.rested_in_s(canary, time.monotonic()))
        return await self._ask(canary, lambda: position, paused=True)

    async def _ask_next(self, position: Callable[[], int]) -> None:
        """Ask whose turn it is, where it has rested."""
        canary = self._vigil.next(time.monotonic())
        ask = None if canary is None else await self._ask(canary, position, paused=False)
        if canary is not None and ask is not None:
            self._vigil.heard(canary, ask.answered, ask.position, ask.at)

    async def _ask(self, canary: Responder, position: Callable[[], int], *, paused: bool) -> CanaryAsk | None:
        """One connect, recorded; None where an exclusion forbids it."""
        self._vigil.asked(canary, time.monotonic())
        answered = True
        try:
            async with self._dialer.admit(canary.ip) as turn:
                done, at, asked_s = position(), datetime.now(UTC), self._way.now_s()
                await turn.dial(canary.port, self._timeout_s, asyncio.Protocol)
        except Excluded:
            return None
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise StageFailed(f"this machine cannot open more connections ({error.strerror})") from None
            answered = False
        ask = CanaryAsk(
            run_id=self._run_id,
            at=at,
            ip=canary.ip,
            port=canary.port,
            answered=answered,
            rtt_ms=turn.connect_ms,
            position=done,
            paused=paused,
        )
        self._log.add(ask)
        if answered:
            self._way.confirm(asked_s)
            self._on_hit(_hit(ask))
        return ask


def canary_watch(
    study: Study,
    dialer: Dialer,
    on_hit: Callable[[Hit], object],
    *,
    run_id: str,
    position: int,
    way: Way | None = None,
) -> CanaryWatch | None:
    """The watch of a study's run; arguments as of `CanaryWatch`. None where the study has no canaries.

    Raises:
        StudyError: a canary of study.toml is no address.
    """
    canaries = canaries_of(study)
    if not canaries:
        return None
    return CanaryWatch(
        canaries,
        study.settings.canaries,
        dialer,
        CanaryLog(study.data),
        on_hit,
        run_id=run_id,
        timeout_s=study.settings.discovery.timeout_s,
        position=position,
        way=way,
    )


def _hit(ask: CanaryAsk) -> Hit:
    return Hit(
        run_id=ask.run_id,
        seen_at=ask.at,
        ip=ask.ip,
        port=ask.port,
        engine=ENGINE,
        rtt_ms=ask.rtt_ms,
        canary=True,
    )


def _paused(since: datetime | None, canaries: int, retry_s: float) -> str:
    said = "at all" if since is None else f"since {since:%Y-%m-%d %H:%M:%S} UTC"
    many = "the canary does not answer" if canaries == 1 else f"none of {canaries} canaries answers"
    return f"paused: {many} {said}; nobody else is asked until one does (tried every {retry_s:g} s)"
