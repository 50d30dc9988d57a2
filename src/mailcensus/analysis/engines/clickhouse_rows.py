"""Rows as ClickHouse can hold them, and back: what cannot be null there stands in a box.

A list or a struct of ClickHouse is never null, and a table says "not asked" by null, "none" by an empty list. So each
list and each struct, at any depth, is held in a list of its own that has no items (null) or one (the value). ClickHouse
fills the gaps of outer joins with empty lists, and takes the default of an item that is not there, whose fields are
null and whose lists are empty: both say null here too.

A map is a list of structs of key and value. Times are microseconds since 1970: ClickHouse's own end in 2299, and some
certificates do not.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")


def boxed_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows for ClickHouse: the same columns, lists and structs in boxes."""
    return pa.RecordBatch.from_arrays([boxed(column) for column in rows.columns], rows.schema.names)


def unboxed_rows(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows that ClickHouse has given, with the types that they are said to have.

    Raises:
        pyarrow.ArrowInvalid: a value is not of its type.
    """
    columns = [unboxed(column, kind) for column, kind in zip(rows.columns, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def boxed(values: pa.Array) -> pa.Array:
    """Values of one column as ClickHouse is to hold them."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        return values.cast(_TIME).cast(pa.int64())
    if pa.types.is_map(kind):
        values = values.cast(pa.list_(_pair(kind)))
        kind = values.type
    if pa.types.is_list(kind):
        there = values.drop_null()
        return _in_boxes(values, pa.ListArray.from_arrays(_ends(there), boxed(there.flatten())))
    if pa.types.is_struct(kind):
        fields = [boxed(field) for field in values.drop_null().flatten()]
        return _in_boxes(values, pa.StructArray.from_arrays(fields, names=[field.name for field in kind]))
    return values


def unboxed(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values of one column as they are here."""
    if pa.types.is_timestamp(kind):
        return values.cast(pa.int64()).cast(_TIME).cast(kind)
    if pa.types.is_list(kind):
        there = values.flatten()
        items = unboxed(there.flatten(), kind.value_type)
        return _out_of_boxes(values, pa.ListArray.from_arrays(_ends(there), items, type=kind))
    if pa.types.is_map(kind):
        there = values.flatten()
        keys, items = unboxed(there.flatten(), _pair(kind)).flatten()
        return _out_of_boxes(values, pa.MapArray.from_arrays(_ends(there), keys, items, type=kind))
    if pa.types.is_struct(kind):
        columns = zip(values.flatten().flatten(), kind, strict=True)
        fields = [unboxed(column, field.type) for column, field in columns]
        return _out_of_boxes(values, pa.StructArray.from_arrays(fields, fields=list(kind)))
    return values.cast(kind)


def _pair(kind: pa.MapType) -> pa.StructType:
    return pa.struct([pa.field("key", kind.key_type, nullable=False), ("value", kind.item_type)])


def _ends(lists: pa.ListArray) -> pa.Array:
    """Where each list ends among the items of all, after a zero. No list is null."""
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _in_boxes(values: pa.Array, there: pa.Array) -> pa.Array:
    filled = values.is_valid().to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(filled)]), pa.int32()), there)


def _out_of_boxes(boxes: pa.ListArray, there: pa.Array) -> pa.Array:
    filled = boxes.value_lengths().to_numpy(zero_copy_only=False)
    return there.take(pa.array(np.cumsum(filled) - 1, mask=filled == 0))
