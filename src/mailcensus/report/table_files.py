"""The four files of each table: CSV, Parquet, LaTeX, and a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from markupsafe import Markup

from mailcensus.analysis.table_spec import TableSpec
from mailcensus.analysis.writing import write_csv, write_parquet
from mailcensus.model import fields_of
from mailcensus.report.captions import caption_text
from mailcensus.report.cells import column_of
from mailcensus.report.chapters import FigurePart
from mailcensus.report.latex import latex_table
from mailcensus.report.pages import Pages
from mailcensus.report.shown_columns import shown_columns
from mailcensus.report.table_view import TableView, files_of, table_rows

TABLE_PAGE_ROWS_MAX = 200
"""Rows on a table's own page, all columns of each; the CSV file has all."""


@dataclass(frozen=True, slots=True)
class TablePage:
    """What the template of a table's own page needs."""

    view: TableView
    cut_to: int | None
    """So many rows are on the page; None: all are."""
    figures: Sequence[FigurePart]


def write_table_files(
    spec: TableSpec,
    table: pa.Table,
    report: Path,
    pages: Pages,
    figures: Sequence[FigurePart],
    *,
    known_clusters: int,
) -> None:
    """Write `tables/<name>.csv`, `.parquet`, `.tex` and `.html` below the report's folder."""
    folder = report / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / f"{spec.name}.csv", table)
    write_parquet(folder / f"{spec.name}.parquet", table)
    latex = latex_table(spec, table, shown_columns(spec))
    (folder / f"{spec.name}.tex").write_text(latex, encoding="utf-8")
    page = TablePage(
        _whole_view(spec, table, known_clusters),
        TABLE_PAGE_ROWS_MAX if table.num_rows > TABLE_PAGE_ROWS_MAX else None,
        figures,
    )
    pages.write(folder / f"{spec.name}.html", "table.html.j2", up="../", page=page)


def _whole_view(spec: TableSpec, table: pa.Table, known_clusters: int) -> TableView:
    columns = [column_of(field) for field in fields_of(spec.row)]
    first = table.slice(0, TABLE_PAGE_ROWS_MAX)
    rows = table_rows(columns, first, known_clusters=known_clusters, up="../")
    return TableView(
        name=spec.name,
        title=spec.title,
        caption=caption_text(spec.caption),
        columns=columns,
        first_rows=Markup("".join(rows)),
        total=table.num_rows,
        csv=f"{spec.name}.csv",
        more=None,
        formats=files_of(spec.name, "../", ("parquet", "tex")),
    )
