"""Shares of nobody: a share whose denominator is zero is not unknown, and no number either."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from mailcensus.report.cells import Column

_WHOLE = re.compile(r" / (\w+)(?=$|[;:,( ])")


def shares_of_nobody(columns: Sequence[Column], table: pa.Table) -> Iterator[frozenset[str]]:
    """Of each row, the columns whose share is of nobody.

    Descriptions of shares begin `part / whole` and name the columns.

    Args:
        columns: those that are shown.
        table: the rows, with the columns that are not shown too.
    """
    wholes = {
        column.name: table[found[1]].to_pylist()
        for column in columns
        if column.is_share
        and (found := _WHOLE.search(column.doc))
        and pa.types.is_integer(_type_of(table, found[1]))
    }
    for row in range(table.num_rows):
        yield frozenset(name for name, values in wholes.items() if values[row] == 0)


def _type_of(table: pa.Table, name: str) -> pa.DataType:
    return table.schema.field(name).type if name in table.column_names else pa.null()
