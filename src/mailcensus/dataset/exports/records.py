"""Any table of a dataset as JSON lines or as CSV.

JSON keeps the nesting of records. CSV has a column for each field of a nested record, named with dots (`tls.version`),
and lists as JSON. Both have times as ISO 8601 in UTC and bytes as base64. In CSV an unknown value is an empty cell
without quotes, an empty text is `""`. Text is what strangers wrote: JSON escapes what is not ASCII, so that a terminal
obeys none of it; CSV has it unchanged, and `mailcensus analyse` writes the CSV for spreadsheets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import TextIO

import pyarrow as pa

from mailcensus.dataset.exports.rows import batches_of
from mailcensus.dataset.tables import Dataset
from mailcensus.model import TABLES, schema_of


def export_json_lines(dataset: Dataset, table: str, run_id: str, out: TextIO) -> int:
    """Write a table's rows as JSON, one a line; how many.

    Raises:
        StudyError: there is no such table.
    """
    count = 0
    for batch in batches_of(dataset, table, run_id):
        for row in batch.to_pylist():
            out.write(json.dumps(row, default=_plain, separators=(",", ":")) + "\n")
        count += batch.num_rows
    return count


def export_csv(dataset: Dataset, table: str, run_id: str, out: TextIO) -> int:
    """Write a table's rows as CSV (RFC 4180) with a header; how many.

    Raises:
        StudyError: there is no such table.
    """
    batches = batches_of(dataset, table, run_id)
    out.write(",".join(_columns(schema_of(TABLES[table]))) + "\r\n")
    count = 0
    for batch in batches:
        for row in zip(*_cells(batch), strict=True):
            out.write(",".join(row) + "\r\n")
        count += batch.num_rows
    return count


def _columns(schema: pa.Schema, above: str = "") -> Iterator[str]:
    for field in schema:
        name = above + field.name
        if pa.types.is_struct(field.type):
            yield from _columns(pa.schema(list(field.type)), f"{name}.")
        else:
            yield name


def _cells(table: pa.Table) -> Iterator[list[str]]:
    """The columns of a table as cells, nested records flattened, in the order of `_columns`."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    for column in table.columns:
        yield [_cell(value) for value in column.to_pylist()]


def _cell(value: object) -> str:
    """One value; texts are always in quotes, so that an empty one is told from none."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list():
            return _quoted(json.dumps(value, default=_plain, ensure_ascii=False))
    return _quoted(value if isinstance(value, str) else _plain(value))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)
