"""Rows in boxes and out of them again: null and empty stay two things at any depth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.analysis.engines.clickhouse_rows import boxed, boxed_rows, unboxed, unboxed_rows
from mailcensus.model import TABLES, schema_of

_TIMES = st.datetimes(timezones=st.just(UTC))
_PLAIN: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), st.text(max_size=3)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us", tz="UTC"), _TIMES),
]


def _with_lists(
    inner: st.SearchStrategy[tuple[pa.DataType, st.SearchStrategy[Any]]],
) -> st.SearchStrategy[tuple[pa.DataType, st.SearchStrategy[Any]]]:
    return st.one_of(
        inner.map(lambda of: (pa.list_(of[0]), st.lists(st.none() | of[1], max_size=3))),
        inner.map(
            lambda of: (
                pa.map_(pa.string(), of[0]),
                st.dictionaries(st.text(max_size=2), st.none() | of[1], max_size=2).map(
                    lambda d: list(d.items())
                ),
            )
        ),
        st.tuples(inner, inner).map(
            lambda of: (
                pa.struct([("a", of[0][0]), ("b", of[1][0])]),
                st.fixed_dictionaries({"a": st.none() | of[0][1], "b": st.none() | of[1][1]}),
            )
        ),
    )


_KINDS = st.recursive(st.sampled_from(_PLAIN), _with_lists, max_leaves=4)
_COLUMNS = _KINDS.flatmap(
    lambda of: st.lists(st.none() | of[1], max_size=6).map(lambda values: pa.array(values, of[0]))
)


@given(_COLUMNS, st.integers(0, 3))
def test_what_is_put_in_boxes_comes_out_as_it_was(values: pa.Array, passed_over: int) -> None:
    values = values.slice(passed_over)
    held = boxed(values)
    assert held.null_count == 0 or not pa.types.is_nested(values.type)
    found = unboxed(held, values.type)
    assert found.type == values.type
    assert found.to_pylist() == values.to_pylist()


@pytest.mark.parametrize(
    ("kind", "values", "held"),
    [
        (pa.list_(pa.string()), [None, [], ["a", None]], [[], [[]], [["a", None]]]),
        (
            pa.struct([("a", pa.int64()), ("l", pa.list_(pa.int64()))]),
            [None, {"a": None, "l": None}, {"a": 1, "l": []}],
            [[], [{"a": None, "l": []}], [{"a": 1, "l": [[]]}]],
        ),
        (
            pa.map_(pa.string(), pa.string()),
            [None, [], [("k", "v")]],
            [[], [[]], [[[{"key": "k", "value": "v"}]]]],
        ),
        (
            pa.timestamp("us", tz="UTC"),
            [None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)],
            [None, 1_000_000, 253_402_214_400_000_000],
        ),
    ],
)
def test_null_is_an_empty_box_and_a_value_the_only_thing_in_one(
    kind: pa.DataType, values: list[Any], held: list[Any]
) -> None:
    assert boxed(pa.array(values, kind)).to_pylist() == held


@pytest.mark.parametrize("name", TABLES)
def test_a_row_of_nulls_of_every_table_comes_back(name: str) -> None:
    schema = pa.schema([field.with_nullable(True) for field in schema_of(TABLES[name])])
    rows = pa.RecordBatch.from_pylist([{}], schema)
    assert unboxed_rows(boxed_rows(rows), schema).equals(rows)


def test_text_that_is_none_is_an_error() -> None:
    with pytest.raises(pa.ArrowInvalid):
        unboxed(pa.array([b"\xff"]), pa.string())
