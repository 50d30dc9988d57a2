"""`mailcensus analyse`: tables out of what was collected."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from mailcensus.cli.json_lines import print_json
from mailcensus.cli.options import AsJson, Quiet, StudyDirectory
from mailcensus.cli.stages import check_table, run_analysis, stage_state
from mailcensus.cli.tables import print_table
from mailcensus.cli.talk import say
from mailcensus.dataset.object_storage import fetched, name_of, shown_at
from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.run import StageState
from mailcensus.probe.collect import STAGE
from mailcensus.study import Study, StudyError

if TYPE_CHECKING:
    import pyarrow as pa


def analyse(
    directory: StudyDirectory,
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Print this table. [default: summary]")
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print the table as LaTeX, for a paper.")] = False,
    backend: Annotated[
        str,
        typer.Option(
            metavar="ENGINE",
            help="Where to work: duckdb, spark, postgres://user@host/database, clickhouse://user@host.",
        ),
    ] = "duckdb",
    quiet: Quiet = False,
) -> None:
    """Work out all tables, write them to data/analysis and print one.

    Tables are of the newest run, each as Parquet and as CSV. With --json the rows of the table are printed as JSON
    lines; without --table those of all tables, each as {"table": ..., "row": ...}.
    """
    if as_json + as_csv + as_latex > 1:
        raise StudyError("--json, --csv and --latex: give one of them")
    from mailcensus.analysis.catalogue import TABLES  # here, for what it imports: see stages

    names = [spec.name for spec in TABLES]
    if table is not None:
        check_table(table, "--table")
    with fetched(directory) as here:
        study = Study.open(here)
        state = stage_state(study, STAGE)
        others = ("flows", "domains")
        if state is StageState.NOT_STARTED and not any(visible_files(study.data / name) for name in others):
            name = name_of(directory)
            raise StudyError(f"{name}: nothing has been collected yet; run: mailcensus run {name}")
        tables = run_analysis(study, quiet=quiet, backend=backend)
    if state is StageState.RUNNING:
        say("collection is not complete; the tables are of what there is so far")
    if as_csv or as_latex:
        _print_file(tables, table or "summary", as_latex=as_latex)
        return
    if not as_json:
        shown = tables[table or "summary"]
        print_table(shown.column_names, (row.values() for row in shown.to_pylist()))
        say(f"all tables are in {shown_at(directory, here, study.analysis)}")
        return
    for name in [table] if table else names:
        for row in tables[name].to_pylist():
            print_json(row if table else {"table": name, "row": row})


def _print_file(tables: Mapping[str, pa.Table], name: str, *, as_latex: bool) -> None:
    from mailcensus.analysis.catalogue import TABLES
    from mailcensus.analysis.writing import write_csv
    from mailcensus.report.latex import latex_table
    from mailcensus.report.shown_columns import shown_columns

    if as_latex:
        (spec,) = (spec for spec in TABLES if spec.name == name)
        sys.stdout.write(latex_table(spec, tables[name], shown_columns(spec)))
        return
    text = io.BytesIO()
    write_csv(text, tables[name])
    sys.stdout.write(text.getvalue().decode())
