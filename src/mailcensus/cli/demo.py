"""`mailcensus demo`: a whole study of a lab on loopback, judged by the lab's truth."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from mailcensus.cli.lab import Block, PortOffset, Seed, Size, write_lab_study
from mailcensus.cli.lab_findings import findings_of
from mailcensus.cli.options import Quiet
from mailcensus.cli.progress import duration
from mailcensus.cli.stages import (
    current_run,
    open_study,
    run_analysis,
    run_collection,
    run_discovery,
    run_enrichment,
    run_report,
)
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say, waiting
from mailcensus.cli.verbs import Exit
from mailcensus.lab.population import DEFAULT_BLOCK, DEFAULT_PORT_OFFSET, make_plan
from mailcensus.lab.running import running
from mailcensus.lab.truth import Truth, truth_from_json
from mailcensus.lab.verdict import ASN_FILE, COUNTRY_FILE, PREFIXES_FILE, Verdict, compare
from mailcensus.study import StudyError

_MARK = ".mailcensus-demo"
"""What tells a directory that a demo made from one that holds somebody's work."""
_MADE = ("data", "report", "study.toml", PREFIXES_FILE, ASN_FILE, COUNTRY_FILE, "truth.json")


def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory to make.")] = Path("demo"),
    seed: Seed = 2026,
    size: Size = 400,
    block: Block = DEFAULT_BLOCK,
    port_offset: PortOffset = DEFAULT_PORT_OFFSET,
    quiet: Quiet = False,
) -> None:
    """Study a lab of mail hosts on loopback, and compare what is found with the truth.

    Serves the lab, runs every stage of a study of it and judges the findings line by line. Leaves the study and its
    report, DIR/report/index.html. An earlier demo in DIR is made anew. Exit status 1 if anything differs from the
    truth.
    """
    began = time.monotonic()
    plan = make_plan(seed, size, block=block, port_offset=port_offset)
    _clear(directory)
    write_lab_study(plan, directory)
    truth_path = directory / "truth.json"
    if not quiet:
        say(f"lab: {len(plan.hosts)} hosts in {plan.block}, from seed {plan.seed}")
    with running(plan, truth_path=truth_path):
        verdict, page = _study(directory, truth_from_json(truth_path.read_text(encoding="utf-8")), quiet)
    _print(verdict)
    if not quiet:
        say(f"took {duration(time.monotonic() - began)}")
    sys.stdout.write(f"{page}\n")
    if not verdict.equal:
        raise typer.Exit(Exit.FAILED)


def _clear(directory: Path) -> None:
    """Make the directory ready; removes what an earlier demo made and nothing else.

    Raises:
        StudyError: it holds something that no demo made, or cannot be written.
    """
    mark = directory / _MARK
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not mark.exists() and any(directory.iterdir()):
            raise StudyError(f"{directory}: not empty and not a demo; name another: mailcensus demo DIR")
        mark.touch()
        for made in map(directory.joinpath, _MADE):
            if made.is_dir() and not made.is_symlink():
                shutil.rmtree(made)
            else:
                made.unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(f"{directory}: cannot be made ready: {error.strerror or error}") from None


def _study(directory: Path, truth: Truth, quiet: bool) -> tuple[Verdict, Path]:
    """Run all stages; the verdict on them, and the report's first page."""
    study = open_study(directory)
    with current_run(study) as run:
        run_discovery(study, run, quiet=quiet)
        run_collection(study, run, quiet=quiet)
        run_enrichment(study, run, quiet=quiet)
    tables = run_analysis(study, quiet=quiet)
    page = run_report(study, tables, quiet=quiet)
    with waiting("compare with the truth", quiet=quiet):
        return compare(truth, findings_of(study, tables)), page


def _print(verdict: Verdict) -> None:
    rows = [
        (line.what, line.expected, line.found, "equal" if line.equal else "DIFFERS", line.difference)
        for line in verdict.lines
    ]
    print_table(("compared", "truth", "found", "verdict", ""), rows)
    equal = sum(line.equal for line in verdict.lines)
    sys.stdout.write(f"{equal} of {len(verdict.lines)} comparisons equal the truth\n")
