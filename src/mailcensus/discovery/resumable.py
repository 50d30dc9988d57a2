"""The discover stage of a study's run: taken up where it stopped, recorded when it is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.discovery.stage import Progress, discover
from mailcensus.population import Exclusions, load_population
from mailcensus.probe.dialer import Dialer
from mailcensus.study import Study, StudyError

STAGE = "discover"


async def discover_in_run(study: Study, run: CurrentRun, on_progress: Callable[[Progress], None]) -> None:
    """Ask who has not been asked yet; does nothing where the stage is done.

    Whatever ends it, the hits so far and the position are on disk when it returns or raises.

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
            f"{study.directory / 'study.toml'}: population: its sources or seed are not what they were when run "
            f"{run.run_id} began; put them back, or remove {study.data / 'run.json'} to begin a new run"
        )
    politeness, special = study.settings.politeness, study.settings.study.allow_special
    dialer = Dialer(politeness, Exclusions.of_study(study), special)
    sink = HitSink(run)
    tally = await discover(
        study,
        population,
        dialer,
        sink,
        run_id=run.run_id,
        start_at=progress.position,
        on_progress=on_progress,
    )
    sink.compact()
    # Who opted out during an earlier session counts as excluded, whether asked before or not.
    asked = population.prefixes.count - tally.excluded
    excluded = population.order.positions - asked
    run.finish(stage_row(run, STAGE, study.settings, asked=asked, answered=sink.count, excluded=excluded))
