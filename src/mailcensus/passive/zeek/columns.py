"""Columns of DuckDB's with the types of a record: below a null struct DuckDB has nulls, a record has none there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.model import schema_of

_BELOW_NULL: dict[pa.DataType, object] = {pa.bool_(): False, pa.string(): "", pa.float64(): 0.0}


def as_record(batch: pa.RecordBatch, record: type) -> pa.Table:
    """A batch with exactly the columns and types of a record."""
    schema = schema_of(record)
    columns = [_fitted(batch.column(field.name), field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _fitted(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pa.types.is_struct(wanted):
        parts = [_child(_fitted(array.field(field.name), field.type), field) for field in wanted.fields]
        return pa.StructArray.from_arrays(parts, fields=wanted.fields, mask=pc.is_null(array))
    if pa.types.is_list(wanted):
        values = _child(_fitted(array.values, wanted.value_type), wanted.value_field)
        return pa.ListArray.from_arrays(array.offsets, values, wanted, mask=_nulls(array))
    return array.cast(wanted)


def _child(array: pa.Array, field: pa.Field) -> pa.Array:
    if field.nullable or not array.null_count:
        return array
    return array.fill_null(_BELOW_NULL.get(field.type, 0))


def _nulls(array: pa.Array) -> pa.Array | None:
    return pc.is_null(array) if array.null_count else None
