"""Published values and ours, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.published import PublishedValue, published_values
from mailcensus.analysis.table_spec import TableSpec, rows_of
from mailcensus.model import Column, schema_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValueRow:
    """One published value, and ours."""

    table: Annotated[str, Column("our table that it belongs to")]
    row: Annotated[str, Column("columns and values that name the row; empty: every row")]
    column: Annotated[str, Column("the column to compare with")]
    unit: Annotated[str, Column("share, or what is counted")]
    published: Annotated[float, Column("as published; shares of one")]
    ours: Annotated[float | None, Column("ours; null: no such row, or more than one")]
    source: Annotated[str, Column("who published it, where")]
    note: Annotated[str | None, Column("what to mind when comparing")]


def compare(evidence: Evidence, specs: Iterable[TableSpec]) -> ibis.Table:
    """Published values beside ours, in the order of the data files; those of tables that have any row here."""
    wanted = {value.table for value in published_values()}
    tables = {spec.name: rows_of(spec, evidence).to_pylist() for spec in specs if spec.name in wanted}
    rows = [_row(value, tables[value.table]) for value in published_values() if tables[value.table]]
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema_of(PublishedValueRow)))


def _row(value: PublishedValue, table: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    return {
        "table": value.table, "row": ", ".join(f"{name} {wanted}" for name, wanted in value.row.items()),
        "column": value.column, "unit": value.unit, "published": value.value, "source": value.source,
        "ours": _ours(value, table), "note": value.note,
    }  # fmt: skip


def _ours(value: PublishedValue, table: Sequence[Mapping[str, Any]]) -> float | None:
    found = [row for row in table if all(row[name] == wanted for name, wanted in value.row.items())]
    ours = found[0][value.column] if len(found) == 1 else None
    return None if ours is None else float(ours)
