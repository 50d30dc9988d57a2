"""`mailcensus resolve`: where the mail of a list of domains goes, and what protects it."""

from __future__ import annotations

import uvloop

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.progress import Snapshot, StageTalk
from mailcensus.cli.stages import current_run, open_study
from mailcensus.cli.talk import say, waiting
from mailcensus.dataset.run import CurrentRun, StageState
from mailcensus.facts.domains.resolve import STAGE, ResolveProgress, list_of, wants_domains
from mailcensus.facts.domains.resolve import resolve as resolve_in_run
from mailcensus.population.domain_list import DomainList
from mailcensus.study import Study


def resolve(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Ask DNS about every domain of domains.list: MX, their addresses, TLSA, SPF, DMARC, MTA-STS with its policy, TLS
    reporting, CAA, name servers, DNSSEC.

    Interrupt it at any time and run it again to go on: no question is asked twice. Records are in data/domains and
    data/mx, every answer in data/dns. The exchanges found are the population of discover and collect.
    """
    study = open_study(directory)
    with current_run(study) as run:
        if not run_resolution(study, run, quiet=quiet) and not quiet:
            say(f"domains of run {run.run_id} are resolved already; next: mailcensus run {directory}")


def run_resolution(study: Study, run: CurrentRun, *, quiet: bool) -> bool:
    """Resolve the study's domains; False where it has none, or that was done already.

    Raises:
        StudyError: the list is bad, or another one than when the run began.
    """
    if not wants_domains(study):
        return False
    with waiting("read domains", quiet=quiet):
        listed = list_of(study)
    before = run.stage(STAGE).state
    if before is not StageState.DONE:
        _tell_rejects(study, listed)
    with StageTalk("resolve", quiet=quiet) as talk:

        def show(progress: ResolveProgress) -> None:
            domains = progress.domains_done, progress.domains
            note = f"{progress.asked:,} questions"
            talk.show(
                Snapshot(*domains, "domains", progress.with_mail, progress.in_session, "take mail", note)
            )

        return uvloop.run(resolve_in_run(study, run, listed, show)) is not None


def _tell_rejects(study: Study, listed: DomainList) -> None:
    """Keep aside what is no domain, and say so."""
    path = listed.write_rejects(study.data / "rejects")
    if path is not None:
        say(
            f"{listed.path.name}: {len(listed.domains):,} domains; {listed.duplicates:,} duplicates and "
            f"{listed.rejected:,} rows that are none are in {path}"
        )
