"""The discovery stage: who of the population answers on the discovery port.

What is done with is told to the sink as a position in the order of asking, after the hits before it. A run that is
killed goes on from the last position told and asks again what was asked since; the sink knows each address once.

With canaries the position told is never beyond what they vouch for. When they fall silent the sweep ends where it
is, and begins anew at the last position that can be trusted once they answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mailcensus.discovery.canaries import CanaryWatch
from mailcensus.discovery.connect import ConnectSweep, Tally
from mailcensus.discovery.frontier import Frontier
from mailcensus.model import Hit
from mailcensus.population import Exclusions, Population
from mailcensus.probe.descriptors import make_room_for
from mailcensus.probe.dialer import Dialer
from mailcensus.study import Study

_PROGRESS_S = 0.2
_CHECKPOINT_S = 5.0
"""What a kill at the wrong moment makes us ask again, at most. Each costs the sink a few writes to disk."""
_RATE_OVER_S = 5.0


class HitSink(Protocol):
    """Where hits go."""

    @property
    def count(self) -> int:
        """Hits of this run so far, those of earlier sessions included."""

    def add(self, hit: Hit) -> bool:
        """Take a hit; False where the run has it already."""

    def checkpoint(self, position: int) -> None:
        """All positions before this one are done with, and their hits have been added: store both, hits first."""


class Reached(Protocol):
    """How far a sweep has come; `Frontier` is one."""

    @property
    def checkpoint(self) -> int:
        """All positions before this one are done with."""

    @property
    def count(self) -> int:
        """How many positions are done with."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far discovery has come."""

    done: int
    """Positions done with; in the end this is the total. Less than before where some are asked again."""
    total: int
    hits: int
    rate_per_s: float
    """Positions a second over the last few seconds."""


async def discover(
    study: Study,
    population: Population,
    dialer: Dialer,
    sink: HitSink,
    *,
    run_id: str,
    start_at: int = 0,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    canaries: CanaryWatch | None = None,
) -> Tally:
    """Ask everyone of the population from a position on, and hand who answers to the sink.

    Args:
        study: the study.
        population: its population.
        dialer: the door of this run.
        sink: takes the hits and the position.
        run_id: the run the hits belong to.
        start_at: position to go on from; it means something only in the same `population.order.identity`.
        on_progress: called at most every 0.2 s, and once at the end.
        canaries: who watches the way out; None: nobody.

    Returns:
        What came of the addresses asked in this session. Those that were asked again count each time, but for those
        excluded since: they were asked once, and are not again.

    Raises:
        StudyError: this machine or the sink cannot go on; the position told last holds.
    """
    make_room_for(study.settings.politeness.in_flight)
    total = population.order.positions
    tally, position = Tally(), start_at
    counted = _Counted(start_at)
    watch = Watch(total, sink, on_progress, canaries, start_at)
    if canaries is not None and position < total:
        await canaries.begin(position)
    while True:
        left = counted.without_excluded(population.targets(position), dialer.exclusions)
        targets = _Sent(left, canaries, position)
        frontier = Frontier(iter(targets), position, total)
        sweep = ConnectSweep(dialer, frontier, sink.add, run_id=run_id, settings=study.settings.discovery)
        watch.follow(frontier)
        try:
            await _run(sweep, min(study.settings.politeness.in_flight, total - position), watch, canaries)
        finally:
            watch.store()
        tally.add(sweep.tally)
        if canaries is None or position >= total:
            break
        counted.note(targets.reached, frontier.out)
        position = await canaries.judge(frontier.checkpoint, counted.reached)
        watch.store()
        if position >= total:
            break
    watch.report()
    return tally


async def _run(sweep: ConnectSweep, workers: int, watch: Watch, canaries: CanaryWatch | None) -> None:
    """Run the workers to their end, or until there is doubt.

    Whatever goes wrong in one of them, or in the watch, ends all and surfaces.
    """
    try:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(watch.run())]
            tasks = [group.create_task(sweep.work()) for _ in range(workers)]
            if canaries is not None:
                beside.append(group.create_task(canaries.keep_watch(lambda: watch.checkpoint)))
            if tasks:
                ended = group.create_task(_all_of(tasks))
                await asyncio.wait({ended, *beside}, return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
            for task in (*tasks, *beside):
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _all_of(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


class _Counted:
    """Which targets the tallies of earlier sweeps hold, where some are gone through again.

    Attributes:
        reached: nothing from this position on was ever given out.
    """

    def __init__(self, position: int) -> None:
        self.reached = position
        self._undone: frozenset[int] = frozenset()

    def note(self, reached: int, out: frozenset[int]) -> None:
        """A sweep has ended that gave targets out up to a position; some of them are still out."""
        self._undone = out.union(position for position in self._undone if position >= reached)
        self.reached = max(self.reached, reached)

    def without_excluded(
        self, targets: Iterator[tuple[int, str]], exclusions: Exclusions
    ) -> Iterator[tuple[int, str]]:
        """Targets without those that are counted already and excluded now."""
        for position, ip in targets:
            is_counted = position < self.reached and position not in self._undone
            if not (is_counted and exclusions.contains(ip)):
                yield position, ip


class _Sent:
    """Targets as they are given out, counted for the canaries.

    Attributes:
        reached: nothing from this position on was given out.
    """

    def __init__(
        self, targets: Iterator[tuple[int, str]], canaries: CanaryWatch | None, position: int
    ) -> None:
        self._targets = targets
        self._canaries = canaries
        self.reached = position

    def __iter__(self) -> Iterator[tuple[int, str]]:
        canaries = self._canaries
        if canaries is None:
            yield from self._targets
            return
        for target in self._targets:
            self.reached = target[0] + 1
            canaries.sent()
            yield target


class Watch:
    """Tells the sink and whoever looks on how far the sweep has come."""

    def __init__(
        self,
        total: int,
        sink: HitSink,
        on_progress: Callable[[Progress], None],
        canaries: CanaryWatch | None,
        start_at: int,
    ) -> None:
        self._frontier: Reached = Frontier(iter(()), start_at, total)
        self._total = total
        self._sink = sink
        self._on_progress = on_progress
        self._canaries = canaries
        self._time = asyncio.get_running_loop().time
        self._samples = deque([(self._time(), start_at)], maxlen=round(_RATE_OVER_S / _PROGRESS_S))

    @property
    def checkpoint(self) -> int:
        """All positions before this one are done with."""
        return self._frontier.checkpoint

    def follow(self, frontier: Reached) -> None:
        """Watch a sweep that begins."""
        self._frontier = frontier

    async def run(self) -> None:
        """Report and store until cancelled."""
        checkpoint_at = self._time() + _CHECKPOINT_S
        while True:
            await asyncio.sleep(_PROGRESS_S)
            self.report()
            if self._time() >= checkpoint_at:
                self.store()
                checkpoint_at = self._time() + _CHECKPOINT_S

    def store(self) -> None:
        """Tell the sink how far the sweep can be trusted."""
        trusted = self._total if self._canaries is None else self._canaries.trusted
        self._sink.checkpoint(min(self._frontier.checkpoint, trusted))

    def report(self) -> None:
        """Tell how far the sweep is now."""
        now, done = self._time(), self._frontier.count
        then, done_then = self._samples[0]
        self._samples.append((now, done))
        rate_per_s = max(0.0, (done - done_then) / (now - then)) if now > then else 0.0
        self._on_progress(Progress(done, self._total, self._sink.count, rate_per_s))
