"""The discovery stage: who of the population answers on the discovery port.

What is done with is told to the sink as a position in the order of asking, after the hits before it. A run that is
killed goes on from the last position told and asks again what was asked since; the sink knows each address once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailcensus.discovery.connect import ConnectSweep, Tally
from mailcensus.discovery.frontier import Frontier
from mailcensus.model import Hit
from mailcensus.population import Population
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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far discovery has come."""

    done: int
    """Positions done with; in the end this is the total."""
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

    Returns:
        What came of the addresses asked in this session.

    Raises:
        StudyError: this machine or the sink cannot go on; the position told last holds.
    """
    make_room_for(study.settings.politeness.in_flight)
    total = population.order.positions
    frontier = Frontier(population.targets(start_at), start_at, total)
    sweep = ConnectSweep(
        dialer,
        frontier,
        sink.add,
        run_id=run_id,
        settings=study.settings.discovery,
    )
    watch = _Watch(frontier, total, sink, on_progress)
    try:
        await _run(sweep, min(study.settings.politeness.in_flight, total - start_at), watch)
    finally:
        sink.checkpoint(frontier.checkpoint)
    watch.report()
    return sweep.tally


async def _run(sweep: ConnectSweep, workers: int, watch: _Watch) -> None:
    """Run the workers to their end. Whatever goes wrong in one of them, or in the watch, ends all and surfaces."""
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch.run())
            tasks = [group.create_task(sweep.work()) for _ in range(workers)]
            if tasks:
                await asyncio.wait(tasks)
            watching.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


class _Watch:
    """Tells the sink and whoever looks on how far the sweep has come."""

    def __init__(
        self, frontier: Frontier, total: int, sink: HitSink, on_progress: Callable[[Progress], None]
    ) -> None:
        self._frontier = frontier
        self._total = total
        self._sink = sink
        self._on_progress = on_progress
        self._time = asyncio.get_running_loop().time
        self._samples = deque([(self._time(), frontier.count)], maxlen=round(_RATE_OVER_S / _PROGRESS_S))

    async def run(self) -> None:
        """Report and store until cancelled."""
        checkpoint_at = self._time() + _CHECKPOINT_S
        while True:
            await asyncio.sleep(_PROGRESS_S)
            self.report()
            if self._time() >= checkpoint_at:
                self._sink.checkpoint(self._frontier.checkpoint)
                checkpoint_at = self._time() + _CHECKPOINT_S

    def report(self) -> None:
        """Tell how far the sweep is now."""
        now, done = self._time(), self._frontier.count
        then, done_then = self._samples[0]
        self._samples.append((now, done))
        rate_per_s = (done - done_then) / (now - then) if now > then else 0.0
        self._on_progress(Progress(done, self._total, self._sink.count, rate_per_s))
