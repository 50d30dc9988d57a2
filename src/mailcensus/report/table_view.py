"""A table as a page shows it: its first rows on the page, the others in a file that is loaded when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
from markupsafe import Markup, escape

from mailcensus.analysis.catalogue import TableSpec
from mailcensus.analysis.comparison import ComparisonSpec
from mailcensus.model import fields_of
from mailcensus.report.captions import caption_text
from mailcensus.report.cells import Column, cell, column_of
from mailcensus.report.csv_files import rows_of
from mailcensus.report.nobody import shares_of_nobody
from mailcensus.report.visible import script_json

PAGE_ROWS = 25
"""Rows on the page itself; tables.js turns pages of the same size."""
FORMATS = {"parquet": "Parquet", "tex": "LaTeX", "html": "all columns"}
"""What a table's files beside CSV are called on a page, by their ending."""
BROWSER_ROWS_MAX = 10_000
"""More rows than this are in the CSV file only."""


@dataclass(frozen=True, slots=True)
class TableView:
    """What a template needs to show a table."""

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    first_rows: Markup
    total: int
    csv: str
    """Where its CSV file is, seen from the page."""
    more: str | None
    """Where the rows beyond the first page are; None: there are none."""
    formats: Sequence[tuple[str, str]] = ()
    """Its files beside CSV: what they are, and where, seen from the page."""

    @property
    def is_cut(self) -> bool:
        """There are more rows than a browser is given."""
        return self.total > BROWSER_ROWS_MAX


def analysis_view(
    spec: TableSpec | ComparisonSpec,
    table: pa.Table,
    report: Path,
    *,
    shown: Sequence[str],
    known_clusters: int,
    up: str = "",
    formats: Sequence[str] = (),
) -> TableView:
    """The view of an analysis table: its first rows, and a file with further ones.

    Args:
        spec: its catalogue entry.
        table: its rows.
        report: the report's folder; further rows are written below it.
        shown: columns to show, in this order. The CSV file has them all.
        known_clusters: clusters up to this number have a page.
        up: path from the page to the report's folder.
        formats: endings of the table's other files.
    """
    by_name = {field.name: column_of(field) for field in fields_of(spec.row)}
    columns = [by_name[name] for name in shown]
    rows = table_rows(columns, table.slice(0, BROWSER_ROWS_MAX), known_clusters=known_clusters, up=up)
    first, more = split_rows(rows, spec.name, report / "tables" / f"{spec.name}.js")
    return TableView(
        name=spec.name,
        title=spec.title,
        caption=caption_text(spec.caption),
        columns=columns,
        first_rows=first,
        total=table.num_rows,
        csv=f"{up}tables/{spec.name}.csv",
        more=f"{up}tables/{spec.name}.js" if more else None,
        formats=files_of(spec.name, up, formats),
    )


def files_of(name: str, up: str, endings: Sequence[str]) -> list[tuple[str, str]]:
    """A table's files: what each is, and where it is, seen from a page."""
    return [(FORMATS[ending], f"{up}tables/{name}.{ending}") for ending in endings]


def table_rows(
    columns: Sequence[Column], table: pa.Table, *, known_clusters: int, up: str
) -> Iterator[Markup]:
    """Every row of a table as `<tr>`, with these columns."""
    rows = rows_of(table.select([column.name for column in columns]))
    for row, nobody in zip(rows, shares_of_nobody(columns, table), strict=True):
        cells = [
            cell(column, value, known_clusters=known_clusters, up=up, of_nobody=column.name in nobody)
            for column, value in zip(columns, row, strict=True)
        ]
        yield row_html(cells)


def row_html(cells: Iterable[Markup], *, anchor: str | None = None) -> Markup:
    """One `<tr>`; `anchor` is its id."""
    named = f' id="{escape(anchor)}"' if anchor else ""
    return Markup(f"<tr{named}>{''.join(cells)}</tr>\n")


def split_rows(
    rows: Iterable[Markup], name: str, rows_file: Path, *, most: int = BROWSER_ROWS_MAX
) -> tuple[Markup, bool]:
    """The first page's rows, and whether more, up to `most` together, were written to `rows_file`."""
    source = iter(rows)
    first = Markup("".join(islice(source, PAGE_ROWS)))
    rest = "".join(islice(source, max(0, most - PAGE_ROWS)))
    if not rest:
        return first, False
    rows_file.parent.mkdir(parents=True, exist_ok=True)
    rows_file.write_text(f"mailcensusRows({script_json(name)}, {script_json(rest)});\n", encoding="utf-8")
    return first, True
