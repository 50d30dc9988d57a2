"""The matrix with a column for each sender, as people read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import make_dataclass
from typing import Annotated, Any

import pyarrow as pa

from mailcensus.analysis.senders.rows import SenderMatrixRow
from mailcensus.model import Column, schema_of

_SENDERS = 60
"""More columns than this nobody reads; the long table has all."""


def pivot(matrix: Sequence[SenderMatrixRow]) -> tuple[type, pa.Table]:
    """The row declaration and the rows: condition, what should be, and each sender's verdict.

    `encrypted` and `clear` stand for delivered_encrypted and delivered_clear.
    """
    columns = column_names(list(dict.fromkeys(row.sender for row in matrix))[:_SENDERS])
    fields: list[tuple[str, Any]] = [
        ("condition", Annotated[str, Column("the condition")]),
        ("should", Annotated[str, Column("what a careful sender does")]),
    ]
    for sender, name in columns.items():
        fields.append((name, Annotated[str | None, Column(f"what became of the message of {sender}")]))
    row = make_dataclass("SenderPivotRow", fields)
    by_condition: dict[str, dict[str, str | None]] = {}
    for each in matrix:
        line = by_condition.setdefault(each.condition, {"condition": each.condition, "should": each.should})
        if each.sender in columns:
            line[columns[each.sender]] = each.verdict.removeprefix("delivered_")
    return row, pa.Table.from_pylist(list(by_condition.values()), schema=schema_of(row))


def column_names(senders: Sequence[str]) -> dict[str, str]:
    """A column's name for each sender: its own, made fit for one, and told apart where two are alike."""
    names: dict[str, str] = {}
    for place, sender in enumerate(senders, 1):
        name = re.sub(r"\W+", "_", sender).strip("_") or f"sender_{place}"
        name = f"s_{name}" if name[0].isdigit() or name in ("condition", "should") else name
        names[sender] = f"{name}_{place}" if name in names.values() or not name.isidentifier() else name
    return names
