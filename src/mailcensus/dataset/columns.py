"""Records into Arrow, column by column.

This is on the way of every grab, so it goes field by field over all rows (one pass of C-speed attribute
getting and one Arrow conversion per field) instead of making a dict per row. A nested record becomes a struct
array of the rows that have one, spread to their places; a list of records becomes offsets into one such array.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, islice
from operator import attrgetter, not_

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.model import Field, fields_of, schema_of


def table_of(record: type, rows: Sequence[object]) -> pa.Table:
    """Rows of one record class as a table with that record's schema.

    Raises:
        pa.ArrowInvalid: a value does not fit its column (a port over 65,535).
        TypeError: a value is not of its column's type.
    """
    arrays = [_array(field, list(map(attrgetter(field.name), rows))) for field in fields_of(record)]
    return pa.table(arrays, schema=schema_of(record))


def _array(field: Field, values: list[object]) -> pa.Array:
    if field.record is None:
        return pa.array(values, field.arrow)
    if field.is_list:
        return _lists(field.record, field.arrow, values)
    return _structs(field.record, field.arrow, values)


def _structs(record: type, arrow: pa.DataType, values: list[object]) -> pa.Array:
    """Struct array of nested records; None stays null.

    Under a null struct every field that is declared not nullable still needs some value, or Parquet writers
    refuse the column; no reader sees it.
    """
    present = [value for value in values if value is not None]
    if not present:
        return _all_null(record, arrow, len(values))
    children = [_array(field, list(map(attrgetter(field.name), present))) for field in fields_of(record)]
    if len(present) == len(values):
        return pa.StructArray.from_arrays(children, fields=list(arrow))
    missing = [value is None for value in values]
    places = pa.array(islice(accumulate(map(not_, missing), initial=-1), 1, None), pa.int32())
    places = pc.max_element_wise(places, 0)
    spread = [child.take(places) for child in children]
    return pa.StructArray.from_arrays(spread, fields=list(arrow), mask=pa.array(missing, pa.bool_()))


def _all_null(record: type, arrow: pa.DataType, count: int) -> pa.Array:
    children = [
        pa.nulls(count, field.arrow) if field.nullable else _some_value(field.arrow, count)
        for field in fields_of(record)
    ]
    return pa.StructArray.from_arrays(children, fields=list(arrow), mask=pa.repeat(True, count))


def _some_value(arrow: pa.DataType, count: int) -> pa.Array:
    """One value of a type, so many times; which one is of no matter."""
    if pa.types.is_nested(arrow):
        return pa.array([()] * count, arrow)
    return pa.repeat(pa.scalar(0).cast(arrow), count)


def _lists(record: type, arrow: pa.DataType, values: list[object]) -> pa.Array:
    """List array of nested records; None stays null, an empty tuple stays empty."""
    rows = [value if isinstance(value, tuple) else () for value in values]
    offsets = list(accumulate(map(len, rows), initial=0))
    children = _structs(record, arrow.value_type, list(chain.from_iterable(rows)))
    missing = pa.array([value is None for value in values], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), children, type=arrow, mask=missing)
