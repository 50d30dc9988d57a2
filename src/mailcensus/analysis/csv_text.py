"""Text of strangers in CSV files: nothing hidden in it, and nothing that a spreadsheet would run."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.wire.visible import visible

_FORMULA_START = re.compile(r"^\s*[=+\-@\t\r＝＋－＠]")
_SUSPECT = r"^\s*[=+\-@]|[^ -~]"
"""What `csv_cell` might change, for Arrow's regular expressions; everything else is left as it is, quickly."""


def csv_cell(text: str) -> str:
    """The text for one CSV cell: visible, and with an apostrophe before anything that starts a formula.

    Formula characters are = + - @ tab and carriage return, and the full-width forms some spreadsheets accept
    (OWASP, CSV injection).
    """
    shown = visible(text)
    return f"'{shown}" if _FORMULA_START.match(text) else shown


def harmless(table: pa.Table) -> pa.Table:
    """The table with `csv_cell` of every text; all else stays as it is."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, _harmless_column(table.column(place)))
    return table


def _harmless_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    suspect = pc.fill_null(pc.match_substring_regex(column, _SUSPECT), False).combine_chunks()
    if not pc.any(suspect).as_py():
        return column
    mended = [csv_cell(text) for text in column.filter(suspect).to_pylist()]
    return pc.replace_with_mask(column, suspect, pa.array(mended, pa.string()))
