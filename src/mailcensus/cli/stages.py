"""The stages of a study as the verbs run them, with their progress.

Analysis and report are imported where they are used: they bring DuckDB and matplotlib, and a second or two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.talk import say, waiting
from mailcensus.dataset.run import CurrentRun, StageState, read_run
from mailcensus.discovery.flow import discover_and_collect
from mailcensus.discovery.noise import STAGE as NOISE
from mailcensus.discovery.noise import NoiseProgress, measure_noise, wants_noise
from mailcensus.discovery.resumable import STAGE as DISCOVER
from mailcensus.discovery.resumable import discover_in_run
from mailcensus.discovery.stage import Progress
from mailcensus.facts.chains import ChainProgress, judge_chains, wants_chains
from mailcensus.facts.databases import Databases
from mailcensus.facts.domains.resolve import check_domains
from mailcensus.facts.enrich import EnrichProgress, check_databases, enrich, wants_facts
from mailcensus.facts.providers import infer_in_run
from mailcensus.facts.rejects import write_rejects
from mailcensus.probe.collect import STAGE as COLLECT
from mailcensus.probe.collect import check_settings, collect
from mailcensus.probe.collector import CollectProgress
from mailcensus.probe.follow_up import STAGE as FOLLOW_UP
from mailcensus.probe.follow_up import FollowupProgress, follow_up, wants_followups
from mailcensus.study import Study, StudyError

if TYPE_CHECKING:
    import pyarrow as pa


def open_study(directory: Path) -> Study:
    """A study whose settings make sense to every stage.

    Raises:
        StudyError: they do not; before anybody is asked anything.
    """
    study = Study.open(directory)
    check_settings(study)
    check_domains(study)
    check_databases(study)
    return study


def current_run(study: Study) -> CurrentRun:
    """The run to work on; a context manager.

    Raises:
        StudyError: another process works on it.
    """
    return CurrentRun(study.data, datetime.now(UTC))


def stage_state(study: Study, stage: str) -> StageState:
    """How far a stage of the current run is, without taking the run up."""
    run = read_run(study.data)
    return run.stages[stage].state if run is not None and stage in run.stages else StageState.NOT_STARTED


def is_anything_left(run: CurrentRun) -> bool:
    """Whether somebody is still to be asked for the first time, follow-ups left aside."""
    return any(run.stage(stage).state is not StageState.DONE for stage in (DISCOVER, COLLECT))


def run_discovery(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Discover; False where that was done already."""
    if run.stage(DISCOVER).state is StageState.DONE:
        return False
    with _discovery_talk(run, quiet) as talk:
        uvloop.run(discover_in_run(study, run, lambda progress: _show_discovery(talk, progress)))
    return True


def run_discovery_and_collection(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Discover and collect at the same time; False where both were done already."""
    if run.stage(COLLECT).state is StageState.DONE:
        return False
    if run.stage(DISCOVER).state is StageState.DONE:
        return run_collection(study, run, quiet=quiet)
    with _discovery_talk(run, quiet) as above, StageTalk("collect", quiet=quiet, below=above) as talk:
        uvloop.run(
            discover_and_collect(
                study,
                run,
                lambda progress: _show_discovery(above, progress),
                lambda progress: _show_collection(talk, progress),
            )
        )
    return True


def run_collection(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Collect; False where that was done already.

    Raises:
        StudyError: discovery is not done: hits that came later would never be asked.
    """
    if run.stage(COLLECT).state is StageState.DONE:
        return False
    if run.stage(DISCOVER).state is not StageState.DONE:
        raise StudyError(
            f"{study.directory}: discovery is not done; run: mailcensus discover {study.directory}"
        )
    with StageTalk("collect", quiet=quiet) as talk:
        uvloop.run(collect(study, run, lambda progress: _show_collection(talk, progress)))
    return True


def run_noise(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Measure the noise floor where the study wants it; False where it does not, or where that was done already."""
    if not wants_noise(study) or run.stage(NOISE).state is StageState.DONE:
        return False
    with StageTalk("noise", quiet=quiet) as talk:

        def show(progress: NoiseProgress) -> None:
            addresses = progress.addresses_done, progress.addresses
            talk.show(Snapshot(*addresses, "addresses", progress.answered, progress.asked, "answer"))

        uvloop.run(measure_noise(study, run, show))
    return True


def run_followups(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Ask again what the study wants asked again; False where that is nothing, or done already."""
    if not wants_followups(study) or run.stage(FOLLOW_UP).state is StageState.DONE:
        return False
    with StageTalk("follow up", quiet=quiet) as talk:

        def show(progress: FollowupProgress) -> None:
            hosts = progress.hosts_done, progress.hosts
            talk.show(Snapshot(*hosts, "hosts", progress.asked, progress.asked, "asked again"))

        uvloop.run(follow_up(study, run, show))
    return True


def run_enrichment(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Look up what the study wants to know of its hosts and chains, and say who handles the mail of its domains.

    False where that is nothing, or done already.
    """
    looked_up = wants_facts(study) and _look_up_hosts(study, run, quiet)
    judged = wants_chains(study) and _judge_chains(study, run, quiet)
    with waiting("infer providers", quiet=quiet):
        inferred = infer_in_run(study, run)
    return looked_up or judged or inferred


def _look_up_hosts(study: Study, run: CurrentRun, quiet: bool) -> bool:
    with waiting("read databases", quiet=quiet):
        databases = Databases.of_study(study)
    for line in write_rejects(databases, run.data):
        say(line)
    with StageTalk("enrich", quiet=quiet) as talk:

        def show(progress: EnrichProgress) -> None:
            hosts = progress.hosts_done, progress.hosts
            talk.show(Snapshot(*hosts, "hosts", progress.named, progress.hosts_done, "have a reverse name"))

        return uvloop.run(enrich(study, run, databases, show))


def _judge_chains(study: Study, run: CurrentRun, quiet: bool) -> bool:
    with StageTalk("chains", quiet=quiet) as talk:

        def show(progress: ChainProgress) -> None:
            chains = progress.chains_done, progress.chains
            talk.show(Snapshot(*chains, "chains", progress.valid, progress.chains_done, "valid"))

        return judge_chains(study, run, show)


def check_table(name: str, option: str) -> None:
    """Refuse the name of a table that the analysis does not have.

    Raises:
        StudyError: it has none of that name.
    """
    from mailcensus.analysis.catalogue import TABLES

    names = [spec.name for spec in TABLES]
    if name not in names:
        raise StudyError(f"{option} {name}: no such table; there are: {', '.join(names)}")


def table_to_write(name: str, option: str) -> str:
    """The one table that a name means, its own or that of a publication (`table-viii`).

    Raises:
        StudyError: none is called so, or several are.
    """
    from mailcensus.analysis.published_names import tables_called

    called = tables_called(name)
    if len(called) > 1:
        raise StudyError(f"{option} {name}: several tables are called so; name one: {', '.join(called)}")
    if not called:
        check_table(name, option)
    return called[0]


def run_analysis(study: Study, *, quiet: bool, backend: str = "duckdb") -> Mapping[str, pa.Table]:
    """Analyse what there is, on the engine that `backend` names, and write the tables."""
    from mailcensus.analysis.analyse import analyse
    from mailcensus.analysis.engines.choice import on_engine
    from mailcensus.analysis.writing import write_tables
    from mailcensus.dataset.left_out import dataset_of

    with waiting("analyse", quiet=quiet), on_engine(dataset_of(study), backend) as dataset:
        tables = analyse(dataset)
        write_tables(tables, study.analysis)
    return tables


def run_report(study: Study, tables: Mapping[str, pa.Table], *, quiet: bool) -> Path:
    """Write the report; gives the path of its first page."""
    from mailcensus.dataset.left_out import dataset_of
    from mailcensus.report import build_report

    with waiting("report", quiet=quiet):
        return build_report(study, tables, dataset_of(study))


def run_report_of(study: Study, tables: Mapping[str, pa.Table], name: str) -> Path:
    """Write one table's files and figures into the report; gives the path of its page."""
    from mailcensus.report.build import build_only

    return build_only(study, tables, name)


def _discovery_talk(run: CurrentRun, quiet: bool) -> StageTalk:
    return StageTalk("discover", quiet=quiet, done=run.stage(DISCOVER).position)


def _show_discovery(talk: StageTalk, progress: Progress) -> None:
    talk.show(Snapshot(progress.done, progress.total, "addresses", progress.hits, progress.done, "answer"))


def _show_collection(talk: StageTalk, progress: CollectProgress) -> None:
    note = f"{progress.waiting:,} asked again later" if progress.waiting else ""
    hosts = progress.hosts_done, progress.hosts
    talk.show(Snapshot(*hosts, "hosts", progress.ok, progress.grabs, "grabs ok", note))
