"""Discovery and collection of a study's run by several vantages: the stage, from its begin to its rows of `runs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mailcensus.dataset.first_grabs import followup_count
from mailcensus.dataset.pending import grab_counts
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.dataset.seen import hits_of
from mailcensus.discovery.noise import STAGE as NOISE
from mailcensus.discovery.noise import noise_row, wants_noise
from mailcensus.discovery.resumable import STAGE as DISCOVER
from mailcensus.model import Run
from mailcensus.model.run import VANTAGES_JOINED_BY
from mailcensus.population import load_population
from mailcensus.probe.collect import STAGE as COLLECT
from mailcensus.probe.door import open_door
from mailcensus.probe.follow_up import STAGE as FOLLOW_UP
from mailcensus.probe.follow_up import wants_followups
from mailcensus.study import Study, StudyError
from mailcensus.vantages.cluster import hold_office
from mailcensus.vantages.known import Known
from mailcensus.vantages.leases import Leases, units_of
from mailcensus.vantages.office import StudyOffice
from mailcensus.vantages.opt_outs import OptOuts
from mailcensus.vantages.pieces import identity_of, pieces_of
from mailcensus.vantages.places import Place, Tls

_BY_PIECES = "by pieces"
"""As the order of a stage: begun before the first piece was asked, and whole since."""


async def collect_by_vantages(
    study: Study,
    run: CurrentRun,
    place: Place,
    tls: Tls | None,
    *,
    pieces: int,
    most_at_once: int,
    on_open: Callable[[str], None],
    on_progress: Callable[[StudyOffice], None],
) -> None:
    """Have vantages discover and collect what is left; they may come and go.

    Args:
        pieces: into how many to cut the population; the same from the begin of a run to its end.
        most_at_once: vantages that ask at the same time.

    Raises:
        StudyError: the population is bad or another one than before, one machine has begun this run alone, or
            nothing can be written.
    """
    population = load_population(study)
    known = Known(study, run)
    cut = pieces_of(population, pieces, study.settings.noise.sample, known.owners)
    order = f"{population.order.identity} in {pieces} pieces {identity_of(cut)}"
    now = datetime.now(UTC)
    if run.begin(DISCOVER, now, order).order != order:
        raise StudyError(
            f"{study.directory}: run {run.run_id} began otherwise: by one machine, in another number of pieces, or "
            "with another population or AS database; go on as it began, or remove "
            f"{study.data / 'run.json'} to begin a new run"
        )
    run.begin(COLLECT, now)
    async with open_door(study, run) as door:
        # Nobody is asked from here. The books say whom the exclusions cover; vantages, whom they stopped.
        door.exclusions.count_in(population.everyone)
        exclusions = door.exclusions
    office = StudyOffice(
        study,
        run.run_id,
        cut,
        Leases(units_of(study.settings.politeness), most_at_once),
        OptOuts(exclusions, population.everyone),
        known,
        most_at_once,
        lambda addresses: _note(run, addresses),
    )
    await office.open()
    _check_undamaged(study, run, office)
    beside = begin_beside(study, run, is_first=not office.gathered)
    if office.left:
        await hold_office(office, place, tls, on_open=on_open, on_progress=on_progress)
    await office.close()
    vantage = VANTAGES_JOINED_BY.join(
        sorted({name for one in office.gathered.values() for name in one.vantages})
    )
    sampled_from = population.prefixes.count if population.order.is_sample else None
    for row in _rows(study, run, office, beside, sampled_from):
        run.finish(replace(row, vantage=vantage))


def begin_beside(study: Study, run: CurrentRun, *, is_first: bool) -> list[str]:
    """Begin, or take up, what vantages do besides: follow-ups and noise, as far as the study wants them.

    Where pieces were gathered before the study wanted a stage, or rows of one were damaged since (it has lost its order
    then), what is missing is left to `mailcensus run`.

    Args:
        is_first: no piece is in the dataset yet.

    Returns:
        The stages.
    """
    wanted = [stage for stage, wants in ((FOLLOW_UP, wants_followups), (NOISE, wants_noise)) if wants(study)]
    stages = [
        stage
        for stage in wanted
        if run.stage(stage).order == _BY_PIECES
        or (is_first and run.stage(stage).state is StageState.NOT_STARTED)
    ]
    for stage in stages:
        run.begin(stage, datetime.now(UTC), _BY_PIECES)
    return stages


def _note(run: CurrentRun, addresses: int) -> None:
    """How many addresses are done with: the position of both stages."""
    for stage in (DISCOVER, COLLECT):
        run.checkpoint(stage, addresses)


def _check_undamaged(study: Study, run: CurrentRun, office: StudyOffice) -> None:
    """Whoever takes up a run sets damaged parts aside, and has their stages begin anew (`dataset.damage`).

    Raises:
        StudyError: parts of pieces were among them: which, nobody knows any more.
    """
    if run.stage(DISCOVER).state is StageState.DONE:
        anew = run.stage(COLLECT).position == 0
        mend = f"what is to be asked again is asked by: mailcensus run {study.directory}"
    else:
        anew = any(run.stage(stage).position == 0 for stage in (DISCOVER, COLLECT))
        mend = f"remove {study.data / 'run.json'} to begin a new run"
    if office.gathered and anew:
        raise StudyError(f"{study.data}: parts of what vantages have brought were damaged; {mend}")


def _rows(
    study: Study, run: CurrentRun, office: StudyOffice, beside: Sequence[str], sampled_from: int | None
) -> Iterator[Run]:
    """The rows of `runs`; discovery and collection last, since with them all is done."""
    settings, came = study.settings, office.gathered.values()
    profile = settings.collect.hello_profile
    if NOISE in beside:
        yield noise_row(run, settings)
    if FOLLOW_UP in beside:
        again = followup_count(run.data, run.run_id)
        yield stage_row(run, FOLLOW_UP, settings, asked=again, hello_profile=profile)
    hits = {(ip, port) for ip, port, canary in hits_of(run.data, run.run_id) if not canary}
    asked, excluded = sum(one.asked for one in came), sum(one.excluded for one in came)
    swept = stage_row(run, DISCOVER, settings, asked=asked, answered=len(hits), excluded=excluded)
    yield replace(swept, sampled_from=sampled_from)
    counts = grab_counts(run.data, run.run_id)
    yield stage_row(
        run,
        COLLECT,
        settings,
        asked=counts.grabs,
        answered=counts.ok,
        excluded=counts.excluded,
        hello_profile=profile,
    )


def is_collected(run: CurrentRun) -> bool:
    """Whether there is nothing left to ask."""
    return all(run.stage(stage).state is StageState.DONE for stage in (DISCOVER, COLLECT))
