"""Records survive the way through Arrow and Parquet unchanged."""

import dataclasses
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.columns import table_of
from mailcensus.model import TABLES, Grab, fields_of, schema_of

_INTEGER_RANGES = {
    pa.uint8(): (0, 2**8 - 1),
    pa.uint16(): (0, 2**16 - 1),
    pa.uint32(): (0, 2**32 - 1),
    pa.uint64(): (0, 2**64 - 1),
    pa.int64(): (-(2**63), 2**63 - 1),
}
_TIMES = st.datetimes(
    min_value=datetime(1, 1, 1),  # noqa: DTZ001
    max_value=datetime(9999, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def values_for(arrow: pa.DataType, hint: Any) -> st.SearchStrategy[Any]:
    enums = [
        kind for kind in get_args(hint) or (hint,) if isinstance(kind, type) and issubclass(kind, StrEnum)
    ]
    if enums:
        return st.sampled_from(list(enums[0]))
    if arrow in _INTEGER_RANGES:
        return st.integers(*_INTEGER_RANGES[arrow])
    plain = {
        pa.string(): st.text(max_size=8),
        pa.bool_(): st.booleans(),
        pa.float64(): st.floats(allow_nan=False),
        pa.binary(): st.binary(max_size=8),
        pa.date32(): st.dates(),
        pa.map_(pa.string(), pa.string()): st.dictionaries(
            st.text(max_size=4), st.text(max_size=4), max_size=3
        ),
    }
    return plain.get(arrow, _TIMES)


def records(record: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(record)
    strategies = {}
    for field in fields_of(record):
        inner = field.arrow.value_type if field.is_list else field.arrow
        value = records(field.record) if field.record else values_for(inner, hints[field.name])
        if field.is_list:
            value = st.lists(value, max_size=3).map(tuple)
        strategies[field.name] = st.none() | value if field.nullable else value
    return st.fixed_dictionaries(strategies).map(lambda values: record(**values))


def as_read(value: Any) -> Any:
    """A record as pyarrow gives it back: dicts, lists and plain strings; a map as pairs."""
    if dataclasses.is_dataclass(value):
        return {field.name: as_read(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, tuple):
        return [as_read(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=settings().max_examples // 4)  # of six records each
@given(data=st.data())
def test_records_come_back_from_parquet_as_they_went_in(name: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(records(TABLES[name]), max_size=6))
    table = table_of(TABLES[name], rows)
    table.validate(full=True)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    back = pq.read_table(pa.BufferReader(sink.getvalue()))
    assert back.schema.equals(schema_of(TABLES[name]))
    assert back.to_pylist() == [as_read(row) for row in rows]


def test_no_rows_make_an_empty_table_with_the_schema() -> None:
    assert table_of(Grab, []).equals(schema_of(Grab).empty_table())
