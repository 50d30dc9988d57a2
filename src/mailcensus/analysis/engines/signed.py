"""Types of engines that have no unsigned numbers."""

from __future__ import annotations

import ibis.expr.datatypes as dt

_WIDER = {
    dt.UInt8: dt.int16,
    dt.UInt16: dt.int32,
    dt.UInt32: dt.int64,
    dt.UInt64: dt.int64,
    dt.Int8: dt.int16,
}


def signed(dtype: dt.DataType) -> dt.DataType:
    """The type that holds the same numbers with a sign; of those of 64 bits the ones below 2**63.

    Whatever it holds may be null, as columns of other engines may.
    """
    if isinstance(dtype, dt.Array):
        return dt.Array(signed(dtype.value_type))
    if isinstance(dtype, dt.Struct):
        return dt.Struct({name: signed(kind) for name, kind in dtype.items()})
    return _WIDER.get(type(dtype), dtype)(nullable=True)
