"""`mailcensus analyse`: tables out of what was collected."""

from __future__ import annotations

from typing import Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.stages import run_analysis, stage_state
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say
from mailcensus.dataset.run import StageState
from mailcensus.probe.collect import STAGE
from mailcensus.study import Study, StudyError


def analyse(
    directory: StudyDirectory,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Print this table. [default: summary]")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Work out all tables, write them to data/analysis and print one.

    Tables are of the newest run, each as Parquet and as CSV. With --json the rows of the table are printed as JSON
    lines; without --table those of all tables, each as {"table": ..., "row": ...}.
    """
    from mailcensus.analysis.catalogue import TABLES  # here, for what it imports: see stages

    study = Study.open(directory)
    names = [spec.name for spec in TABLES]
    if table is not None and table not in names:
        raise StudyError(f"--table {table}: no such table; there are: {', '.join(names)}")
    state = stage_state(study, STAGE)
    if state is StageState.NOT_STARTED:
        raise StudyError(f"{directory}: nothing has been collected yet; run: mailcensus run {directory}")
    tables = run_analysis(study, quiet=quiet)
    if state is StageState.RUNNING:
        say("collection is not complete; the tables are of what there is so far")
    if not as_json:
        shown = tables[table or "summary"]
        print_table(shown.column_names, (row.values() for row in shown.to_pylist()))
        say(f"all tables are in {study.analysis}")
        return
    for name in [table] if table else names:
        for row in tables[name].to_pylist():
            print_json(row if table else {"table": name, "row": row})
