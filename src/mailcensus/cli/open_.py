"""`mailcensus open`: a study as a DuckDB session."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mailcensus.cli.options import StudyDirectory
from mailcensus.study import Study


def open_command(
    directory: StudyDirectory,
    as_notebook: Annotated[
        bool, typer.Option("--notebook", help="Print Python for a cell of a notebook instead of SQL.")
    ] = False,
) -> None:
    """Print SQL that opens a study in DuckDB: a view of every table.

    Save it and start with `duckdb -init FILE`, or paste it into any DuckDB session. Tables of the analysis are in the
    schema "analysis"; they are as the last `analyse` or `report` left them. Whoever has opted out is left out.
    """
    from mailcensus.analysis.session import notebook, session_sql
    from mailcensus.dataset.left_out import dataset_of

    study = Study.open(directory)
    sql = session_sql(study.data, dataset_of(study).left_out)
    sys.stdout.write(notebook(sql) if as_notebook else sql)
