"""Our expressions as ClickHouse's SQL; what they come to is seen by tests/integration/test_clickhouse.py."""

from __future__ import annotations

from datetime import UTC, date, datetime

import ibis
import pytest
from ibis.common.exceptions import UnsupportedOperationError

from mailcensus.analysis import database_functions as ours
from mailcensus.analysis.engines.clickhouse_sql import Compiler

ROWS = ibis.table(
    {
        "name": "string",
        "mask": "int64",
        "names": "array<string>",
        "hello": "struct<version: uint16, suites: array<uint16>>",
        "groups": "map<string, string>",
        "at": "timestamp('UTC', 6)",
    },
    name="t",
)


def sql(value: ibis.Value) -> str:
    """One column's expression."""
    query = ROWS.select(x=value) if value.op().shape.is_columnar() else ROWS.aggregate(x=value)
    return written(query).removeprefix("SELECT ").partition(' AS "x"')[0]


def written(query: ibis.Table) -> str:
    """A query."""
    text: str = Compiler().to_sqlglot(query).sql("clickhouse")
    return text.replace('"t0".', "").replace('"', "") if "JOIN" in text else text.replace('"t0".', "")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (ROWS.names.isnull(), 'empty("names")'),
        (ROWS.hello.notnull(), 'notEmpty("hello")'),
        (ROWS.hello.version, """arrayElement(tupleElement("hello", 'version'), 1)"""),
        (ROWS.names.unnest(), 'arrayJoin(arrayElement("names", 1))'),
        (ROWS.names.sort(), 'arrayMap(one_list -> arraySort(one_list), "names")'),
        (ibis.literal([], "array<string>"), "CAST([[]] AS Array(Array(Nullable(String))))"),
        (ibis.literal(None, "array<string>"), "CAST([] AS Array(Array(Nullable(String))))"),
        (
            ROWS.names.length(),
            'CAST(CASE WHEN notEmpty("names") THEN length(arrayElement("names", 1)) ELSE NULL END AS '
            "Nullable(Int64))",
        ),
        (ROWS.mask.nunique(), 'CAST(uniqExact("mask") AS Nullable(Int64))'),
        (ROWS.mask.median(), 'CAST(quantileExactInclusive(0.5)("mask") AS Nullable(Float64))'),
        (ours.sha256(ROWS.name), 'lower(hex(SHA256("name")))'),
        (ours.to_hex(ROWS.mask), """replaceRegexpOne(hex("mask"), '^0+(.)', '\\\\1')"""),
        (ibis.literal(datetime(9999, 12, 31, tzinfo=UTC)), "253402214400000000"),
        (ibis.literal(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)), "-1000000"),
        (ibis.literal(date(1950, 1, 1)), "CAST('1950-01-01' AS Nullable(Date32))"),
        (ROWS.at.epoch_seconds(), '("at" / 1000000)'),
    ],
)
def test_what_ibis_does_not_know_of_boxes_and_of_numbers_is_said(value: ibis.Value, says: str) -> None:
    assert sql(value) == says


def test_ranks_have_no_frame_and_sums_beside_rows_keep_theirs() -> None:
    window = ibis.window(group_by=ROWS.name, order_by=ROWS.mask)
    assert "ROWS" not in sql(ibis.dense_rank().over(window))
    assert "ROWS" in sql(ROWS.mask.sum().over(window))


def test_a_join_with_gaps_on_nothing_equal_is_given_something_equal() -> None:
    other = ibis.table({"bit": "int64"}, name="other")
    query = written(ROWS.left_join(other, (ROWS.mask & other.bit) != 0))
    assert query.endswith("ON bitAnd(t2.mask, t3.bit) <> 0 AND ignore(t2.mask) = ignore(t3.bit)")


@pytest.mark.parametrize(
    "value",
    [
        ROWS.names.nunique(),
        ROWS.names == ROWS.names,
        ROWS.groups.keys(),
        ROWS.at.cast("string"),
        ROWS.mask.cast("timestamp"),
        ROWS.name.collect(order_by=ibis.desc(ROWS.mask)),
        ROWS.name.collect(include_null=True),
    ],
)
def test_what_would_be_answered_wrongly_is_refused(value: ibis.Value) -> None:
    with pytest.raises(UnsupportedOperationError, match="ClickHouse"):
        sql(value)
