"""`mailcensus report`: what people read."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.stages import run_analysis, run_report, run_report_of, table_to_write
from mailcensus.dataset.object_storage import fetched, shown_at
from mailcensus.study import Study


def report(
    directory: StudyDirectory,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write the files and figures of this table alone; `table-viii` is a publication's.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Analyse what there is and write the report.

    Prints the path of its first page, report/index.html, which opens in any browser without a network. A study that
    found nothing, or is not complete, has a report that says so.
    """
    if only is not None:
        only = table_to_write(only, "--only")
    with fetched(directory) as here:
        study = Study.open(here)
        tables = run_analysis(study, quiet=quiet)
        page = run_report(study, tables, quiet=quiet) if only is None else run_report_of(study, tables, only)
    sys.stdout.write(f"{shown_at(directory, here, page)}\n")
