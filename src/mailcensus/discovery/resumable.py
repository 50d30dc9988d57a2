"""The discover stage of a study's run: taken up where it stopped, recorded when it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.discovery.canaries import canary_watch
from mailcensus.discovery.packets import discover_by_packets
from mailcensus.discovery.stage import Progress, discover
from mailcensus.model import Hit
from mailcensus.population import load_population
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.probe.way import Way
from mailcensus.study import Study, StudyError

STAGE = "discover"


async def discover_in_run(
    study: Study,
    run: CurrentRun,
    on_progress: Callable[[Progress], None],
    *,
    dialer: Dialer | None = None,
    way: Way | None = None,
    on_stored: Callable[[Sequence[Hit]], None] = lambda hits: None,
) -> None:
    """Ask who has not been asked yet; does nothing where the stage is done.

    Whatever ends it, the hits so far and the position are on disk when it returns or raises.

    Args:
        dialer: the door, where others use it at the same time; one of its own where none is given.
        way: told what the canaries say.
        on_stored: gets hits once they are on disk.

    Raises:
        StudyError: the population is bad, or is another one than when the run began; this machine is out of sockets,
            the disk is full.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    if run.stage(STAGE).state is StageState.DONE:
        return
    population = load_population(study)
    order = population.order.identity
    progress = run.begin(STAGE, datetime.now(UTC), order)
    if progress.order != order:
        raise StudyError(
            f"{study.directory / 'study.toml'}: population: its sources, sample, shard or seed are not what they were "
            f"when run {run.run_id} began, or several vantages began it; go on as it began, or remove "
            f"{study.data / 'run.json'} to begin a new run"
        )
    sink = HitSink(run, on_stored)
    position = progress.position
    async with open_door(study, run, dialer) as door:
        door.exclusions.count_in(population.everyone)
        canaries = canary_watch(study, door, sink.add, run_id=run.run_id, position=position, way=way)
        with canaries or nullcontext():
            sweep = discover if study.settings.discovery.engine == "connect" else discover_by_packets
            tally = await sweep(
                study,
                population,
                door,
                sink,
                run_id=run.run_id,
                start_at=position,
                on_progress=on_progress,
                canaries=canaries,
            )
    sink.compact()
    # Who opted out during an earlier session counts as excluded, whether asked before or not.
    asked = len(population) - tally.excluded
    excluded = population.order.positions - asked
    row = stage_row(run, STAGE, study.settings, asked=asked, answered=sink.count, excluded=excluded)
    run.finish(replace(row, sampled_from=population.prefixes.count if population.order.is_sample else None))
