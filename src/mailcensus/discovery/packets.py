"""The discovery stage by a packet engine: slice after slice, under the eyes of the canaries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailcensus.discovery.canaries import CanaryWatch
from mailcensus.discovery.connect import Tally
from mailcensus.discovery.engines import Engine
from mailcensus.discovery.masscan import Masscan
from mailcensus.discovery.slices import Slice, SliceSweep, check_rights, cut
from mailcensus.discovery.stage import HitSink, Progress, Watch
from mailcensus.discovery.zmap import Zmap
from mailcensus.population import Population
from mailcensus.probe.dialer import Dialer
from mailcensus.study import Study

ENGINES: dict[str, Callable[[], Engine]] = {"zmap": Zmap, "masscan": Masscan}


class _Place:
    """How far the sweep is: whole slices, and about how much of the present one."""

    def __init__(self, sweep: SliceSweep, position: int) -> None:
        self._sweep = sweep
        self.checkpoint = position
        self.stop = position

    @property
    def count(self) -> int:
        """Positions done with, or about to be."""
        return self.checkpoint + int(self._sweep.sent * (self.stop - self.checkpoint))


async def discover_by_packets(
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
    """Ask everyone of the population from a position on, by the engine of study.toml; otherwise as `stage.discover`.

    Raises:
        StageFailed: the engine is not installed or too old, cannot find its way out, or failed.
        StudyError: this machine or the sink cannot go on; the position told last holds.
    """
    engine = ENGINES[study.settings.discovery.engine]()
    check_rights(engine)
    sweep = SliceSweep(engine, study, dialer, sink.add, run_id=run_id)
    place = _Place(sweep, start_at)
    watch = Watch(population.order.positions, sink, on_progress, canaries, start_at)
    watch.follow(place)
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch.run())
            await _slices(study, population, sweep, place, watch, canaries)
            watching.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        watch.store()
    watch.report()
    return sweep.tally


async def _slices(
    study: Study,
    population: Population,
    sweep: SliceSweep,
    place: _Place,
    watch: Watch,
    canaries: CanaryWatch | None,
) -> None:
    slice_s = study.settings.discovery.slice_s
    while place.checkpoint < population.order.positions:
        rate_per_s = sweep.most_per_s
        piece = await asyncio.to_thread(cut, population, place.checkpoint, rate_per_s, slice_s)
        place.stop = piece.stop
        if await _counts(sweep, piece, canaries):
            place.checkpoint, sweep.sent = piece.stop, 0.0
            watch.store()


async def _counts(sweep: SliceSweep, piece: Slice, canaries: CanaryWatch | None) -> bool:
    """Ask a slice; False where the canaries say that it does not count, and is to be asked again."""
    if canaries is None:
        await sweep.ask(piece)
        return True
    return await canaries.slice(lambda: sweep.ask(piece), piece.first, piece.stop)
