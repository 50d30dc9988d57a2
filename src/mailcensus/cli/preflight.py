"""`mailcensus preflight`: whether this vantage can see, and can be found out about."""

from __future__ import annotations

from collections.abc import Sequence

import typer
import uvloop

from mailcensus.cli.check_lines import print_checks
from mailcensus.cli.options import AsJson, StudyDirectory
from mailcensus.cli.stages import open_study
from mailcensus.cli.talk import say
from mailcensus.cli.verbs import Exit
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.vantage import record_preflight
from mailcensus.discovery.preflight import checks_of, preflight
from mailcensus.discovery.preflight_line import Line
from mailcensus.model import Verdict
from mailcensus.probe.door import open_door
from mailcensus.study import StageFailed, Study


def preflight_command(directory: StudyDirectory, as_json: AsJson = False) -> None:
    """Look at this vantage before a run: the way out, names, clock, open files, disk; a verdict per line.

    Asks nobody but the study's known responders and canaries, DNS resolvers and the study's own page. `mailcensus run`
    does the same first. Exit status 1 if a line says that a run would mean nothing.
    """
    lines = uvloop.run(preflight(open_study(directory)))
    print_checks(lines, as_json=as_json, also=("stops",))
    if _stopping(lines):
        raise typer.Exit(Exit.FAILED)


def preflight_of_run(study: Study, run: CurrentRun, *, quiet: bool) -> None:
    """Look at the vantage, record it with the run, and say what is not well.

    Raises:
        StageFailed: what the run would find would mean nothing.
    """
    lines = uvloop.run(_through_the_door(study, run))
    record_preflight(run.data, checks_of(lines, run.run_id))
    for line in lines:
        if not quiet and line.verdict in (Verdict.WARNING, Verdict.FAILED):
            say(f"preflight: {_words(line)}")
    stopping = _stopping(lines)
    if stopping:
        raise StageFailed(f"preflight: {_words(stopping[0])}; to run all the same: --without-preflight")


async def _through_the_door(study: Study, run: CurrentRun) -> list[Line]:
    """What is sent to responders stands in the run's books."""
    async with open_door(study, run) as door:
        return await preflight(study, door)


def _stopping(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.stops and line.verdict is Verdict.FAILED]


def _words(line: Line) -> str:
    mend = "" if line.mend is None else f"; {line.mend}"
    return f"{line.check}, {line.subject}: {line.verdict}: {line.found}{mend}"
