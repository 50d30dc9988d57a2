"""Our expressions as Spark's SQL; what they come to is seen by tests/integration/test_backends.py."""

from __future__ import annotations

import ibis
import pytest
from ibis.common.exceptions import UnsupportedOperationError

from mailcensus.analysis import database_functions as ours
from mailcensus.analysis.engines.spark_sql import Compiler

ROWS = ibis.table(
    {
        "name": "string",
        "mask": "uint64",
        "names": "array<string>",
        "share": "float64",
        "suites": "array<int64>",
        "at": "timestamp(6)",
    },
    name="t",
)


def sql(value: ibis.Value) -> str:
    """One column's expression."""
    text: str = (
        Compiler()
        .to_sqlglot(ROWS.aggregate(x=value) if _reduces(value) else ROWS.select(x=value))
        .sql("spark")
    )
    return text.removeprefix("SELECT ").partition(" AS `x`")[0].replace("`t0`.", "")


def _reduces(value: ibis.Value) -> bool:
    return not value.op().shape.is_columnar()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (ours.sha256(ROWS.name), "SHA2(`name`, 256)"),
        (ours.bit_count(ROWS.mask), "BIT_COUNT(`mask`)"),
        (ours.to_hex(ROWS.mask), "HEX(`mask`)"),
        (ours.list_intersect(ROWS.names, ROWS.names), "ARRAY_COMPACT(ARRAY_INTERSECT(`names`, `names`))"),
        (ours.list_distinct(ROWS.names), "ARRAY_COMPACT(ARRAY_DISTINCT(`names`))"),
        (ours.list_has_any(ROWS.suites, ROWS.suites), "ARRAYS_OVERLAP(`suites`, `suites`)"),
        (ours.name_hash(ROWS.name), "(XXHASH64(`name`) & 9223372036854775807L)"),
        (ROWS.mask.cast("uint64") + ROWS.name.cast("uint8"), "`mask` + CAST(`name` AS SMALLINT)"),
        (ROWS.name.re_replace(r"(.)\.$", r"\1"), r"REGEXP_REPLACE(`name`, '(.)\\.$', '$1')"),
        (ibis.literal([], "array<string>"), "CAST(ARRAY() AS ARRAY<STRING>)"),
        (ROWS.share + 0.5, "`share` + CAST(0.5 AS DOUBLE)"),
        (ROWS.mask.bit_or(), "BIT_OR(`mask`)"),
        (ROWS.at.epoch_seconds(), "(UNIX_MICROS(CAST(`at` AS TIMESTAMP)) / CAST(1000000 AS DOUBLE))"),
    ],
)
def test_what_ibis_does_not_know_of_spark_is_in_its_words(value: ibis.Value, written: str) -> None:
    assert sql(value) == written


def test_a_list_in_order_is_sorted_beside_what_orders_it_and_none_is_null() -> None:
    written = sql(ROWS.name.collect(order_by=ROWS.mask))
    pairs = "COLLECT_LIST(IF(`name` IS NOT NULL, NAMED_STRUCT('key_0', `mask`, 'value', `name`), NULL))"
    listed = f"TRANSFORM(SORT_ARRAY({pairs}), collected_row -> collected_row.value)"
    assert written == f"IF(SIZE({listed}) > 0, {listed}, NULL)"


def test_a_list_in_descending_order_is_refused_rather_than_turned_round() -> None:
    with pytest.raises(UnsupportedOperationError, match="ascending"):
        sql(ROWS.name.collect(order_by=ibis.desc(ROWS.mask)))
