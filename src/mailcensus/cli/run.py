"""`mailcensus run`: every stage of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.key_checks import check_key_lists, run_key_checks
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.preflight import preflight_of_run
from mailcensus.cli.resolve import run_resolution
from mailcensus.cli.stages import (
    current_run,
    is_anything_left,
    open_study,
    run_analysis,
    run_discovery_and_collection,
    run_enrichment,
    run_followups,
    run_noise,
    run_report,
)
from mailcensus.cli.talk import say
from mailcensus.dataset.run import run_file
from mailcensus.facts.domains.resolve import wants_domains
from mailcensus.population.sources import has_sources
from mailcensus.study import Study


def run(
    directory: StudyDirectory,
    as_json: AsJson = False,
    quiet: Quiet = False,
    without_preflight: Annotated[
        bool, typer.Option("--without-preflight", help="Do not look at this vantage first.")
    ] = False,
) -> None:
    """Run every stage of the study: resolve domains, discover and collect at the same time, follow up, measure noise,
    enrich, check keys, analyse, report.

    Before anybody is asked it looks at this vantage, as `mailcensus preflight` does, and stops where results would
    mean nothing. While no canary answers it pauses, and goes on by itself.

    Interrupt it at any time and run it again to go on where it stopped. Prints the path of the report; with --json,
    one object with the run and its headline numbers. A run that is complete stays as it is: to ask everybody again
    beside it, remove data/run.json.
    """
    study = open_study(directory)
    check_key_lists(study)
    with current_run(study) as current:
        asks_addresses = has_sources(study) or not wants_domains(study)
        if asks_addresses and not without_preflight and is_anything_left(current):
            preflight_of_run(study, current, quiet=quiet)
        resolved = run_resolution(study, current, quiet=quiet)
        asked = asks_addresses and run_discovery_and_collection(study, current, quiet=quiet)
        followed = run_followups(study, current, quiet=quiet)
        measured = run_noise(study, current, quiet=quiet)
        enriched = run_enrichment(study, current, quiet=quiet)
        checked = run_key_checks(study, current, quiet=quiet)
        page = study.report / "index.html"
        if resolved or asked or followed or measured or enriched or checked or not _is_current(study, page):
            page = run_report(study, run_analysis(study, quiet=quiet), quiet=quiet)
        elif not quiet:
            say(f"run {current.run_id} is complete; nothing to do")
        if as_json:
            print_json({"run_id": current.run_id, "report": page, "summary": _summary(study)})
        else:
            sys.stdout.write(f"{page}\n")


def _is_current(study: Study, page: Path) -> bool:
    """Whether the report was written after the last stage of the run was."""
    try:
        return page.stat().st_mtime_ns >= run_file(study.data).stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _summary(study: Study) -> dict[str, object]:
    """Headline numbers by name, from the tables on disk."""
    from mailcensus.analysis.writing import read_tables

    return {row["name"]: row["value"] for row in read_tables(study.analysis)["summary"].to_pylist()}
