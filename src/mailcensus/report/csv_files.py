"""Tables as CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from mailcensus.analysis.csv_lists import joined
from mailcensus.analysis.writing import write_csv
from mailcensus.report.visible import csv_cell

Value = str | int | float | bool | date | Sequence[str | int] | None
"""What a cell of an analysis table may hold."""

_BATCH_ROWS = 10_000


def write_table(path: Path, table: pa.Table) -> None:
    """Write every row of a table, with its column names as header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(path, table)


def rows_of(table: pa.Table) -> Iterable[tuple[Value, ...]]:
    """The rows of a table, a batch at a time so that large tables need little memory."""
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """Write rows as UTF-8 CSV, RFC 4180. Lists as `joined` has them; an unknown value is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return csv_cell(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    return csv_cell(joined(value))
