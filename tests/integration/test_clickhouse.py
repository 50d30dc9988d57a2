"""Expressions over lists, structs, maps, times and ranks: ClickHouse answers as DuckDB does, null and empty apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from mailcensus.analysis import database_functions as ours
from mailcensus.analysis.engines.choice import on_engine
from mailcensus.dataset.tables import Dataset
from mailcensus.study import StudyError
from realservers.clickhouse import clickhouse_server, need_clickhouse
from report.synthetic import mixed_hosts, study_of

pytestmark = pytest.mark.integration

_SCHEMA = pa.schema(
    [
        ("n", pa.int64()),
        ("text", pa.string()),
        ("names", pa.list_(pa.string())),
        ("suites", pa.list_(pa.uint16())),
        ("hello", pa.struct([("version", pa.uint16()), ("groups", pa.list_(pa.uint16()))])),
        ("of", pa.map_(pa.string(), pa.string())),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)
_ROWS = [
    {"n": 1},
    {
        "n": 2,
        "text": "",
        "names": [],
        "suites": [],
        "hello": {"version": None, "groups": []},
        "of": [],
        "at": datetime(1, 1, 1, tzinfo=UTC),
    },
    {
        "n": 3,
        "text": "Ärger, b",
        "names": ["b", "a", "b"],
        "suites": [5, 4],
        "hello": {"version": 771, "groups": [29]},
        "of": [("country", "IE"), ("sector", None)],
        "at": datetime(9999, 12, 31, 1, 2, 3, 4, tzinfo=UTC),
    },
    {
        "n": 3,
        "text": "ab\0c\\'",
        "names": ["c"],
        "hello": {"version": 772},
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    },
]

_EXPRESSIONS: dict[str, Callable[[ibis.Table], ibis.Value]] = {
    "null list": lambda t: t.names.isnull(),
    "list": lambda t: t.names.notnull(),
    "null struct": lambda t: t.hello.isnull(),
    "field": lambda t: t.hello.version,
    "list in a struct": lambda t: t.hello.groups,
    "list, itself": lambda t: t.names,
    "struct, itself": lambda t: t.hello,
    "map, itself": lambda t: t["of"],
    "value of a map": lambda t: t["of"].get("country"),
    "length": lambda t: t.names.length(),
    "sort": lambda t: t.names.sort(),
    "first two": lambda t: t.names[:2],
    "all but the first": lambda t: t.names[1:],
    "second": lambda t: t.names[1],
    "last": lambda t: t.names[-1],
    "position": lambda t: t.names.index("b"),
    "contains": lambda t: t.names.contains("b"),
    "joined": lambda t: t.names.join(","),
    "split": lambda t: t.text.split(", "),
    "coalesced": lambda t: ibis.coalesce(t.names, ibis.literal(["none"], "array<string>")),
    "if": lambda t: (t.n > 2).ifelse(t.names, ibis.literal(None, "array<string>")),
    "distinct": lambda t: ours.list_distinct(t.names).sort(),
    "in common": lambda t: ours.list_intersect(t.names, ibis.literal(["b", "z"], "array<string>")),
    "anything in common": lambda t: ours.list_has_any(t.suites, ibis.literal([4], "array<uint16>")),
    "new struct": lambda t: ibis.struct({"as": t.text, "of": t.names}),
    "new list of structs": lambda t: ibis.array([ibis.struct({"as": t.text}), ibis.struct({"as": t.text})]),
    "letters": lambda t: t.text.length(),
    "lower case": lambda t: t.text.lower(),
    "digest": lambda t: ours.sha256(t.text),
    "digits": lambda t: ours.to_hex(t.n * 300),
    "bits": lambda t: ours.bit_count(t.n),
    "found": lambda t: t.text.re_extract("[a-z]+", 0),
    "texts joined": lambda t: ibis.literal("-").join([t.text, ibis.literal("x"), t.text]),
    "seconds": lambda t: t["at"].epoch_seconds() / 2,
    "time, itself": lambda t: t["at"],
    "before": lambda t: t["at"] < datetime(2026, 1, 1, tzinfo=UTC),
    "rank": lambda t: ibis.dense_rank().over(order_by=t.n),
    "sum so far": lambda t: t.n.sum().over(ibis.cumulative_window(order_by=[t.n, t.text])),
    "items": lambda t: t.names.unnest(),
}
_AGGREGATES: dict[str, Callable[[ibis.Table], ibis.Value]] = {
    "collected in order": lambda t: t.text.collect(order_by=[t.n, t.text]),
    "collected, each once": lambda t: t.n.collect(distinct=True).sort(),
    "collected, none": lambda t: t.text.collect(where=t.n > 3),
    "of the largest": lambda t: t.text.argmax(ibis.struct({"n": t.n, "text": t.text})),
    "of the smallest": lambda t: t.text.argmin(t.n),
    "median": lambda t: t.n.median(),
    "nine tenths": lambda t: t.n.quantile(0.9),
    "different": lambda t: t.text.nunique(),
    "sum of none": lambda t: t.n.sum(where=t.n > 3),
    "any of none": lambda t: (t.n > 2).any(where=t.n > 3),
    "bits of all": lambda t: t.n.bit_or(),
    "latest": lambda t: t["at"].max(),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dataset, Dataset]]:
    """The same dataset in DuckDB and in ClickHouse."""
    need_clickhouse()
    here = Dataset(tmp_path_factory.mktemp("study") / "data")
    with clickhouse_server() as server, on_engine(here, server.url) as there:
        yield here, there


def _rows(dataset: Dataset, query: Callable[[ibis.Table], ibis.Table]) -> list[object]:
    held = dataset.put("rows", pa.Table.from_pylist(_ROWS, _SCHEMA))
    return sorted(dataset.rows(query(held))["x"].to_pylist(), key=repr)


@pytest.mark.parametrize("name", _EXPRESSIONS)
def test_an_expression_is_answered_as_duckdb_answers_it(name: str, both: tuple[Dataset, Dataset]) -> None:
    here, there = (_rows(dataset, lambda t: t.select(x=_EXPRESSIONS[name](t))) for dataset in both)
    assert there == here


@pytest.mark.parametrize("name", _AGGREGATES)
def test_an_aggregate_is_answered_as_duckdb_answers_it(name: str, both: tuple[Dataset, Dataset]) -> None:
    here, there = (_rows(dataset, lambda t: t.aggregate(x=_AGGREGATES[name](t))) for dataset in both)
    assert there == here


@pytest.mark.parametrize("how", ["left", "semi", "anti", "outer"])
def test_a_join_on_nothing_equal_leaves_gaps_that_are_null(how: str, both: tuple[Dataset, Dataset]) -> None:
    def joined(rows: ibis.Table) -> ibis.Table:
        other = rows.select(m="n", listed="names")
        met = rows.join(other, rows.n > other.m, how=how)
        return met.select(x=ibis.struct({name: met[name] for name in met.columns if name in ("n", "listed")}))

    here, there = (_rows(dataset, joined) for dataset in both)
    assert there == here


@pytest.mark.parametrize(
    "url", ["clickhouse://127.0.0.1:1", "clickhouse://127.0.0.1:none", "clickhouse://127.0.0.1:1?colour=1"]
)
def test_a_clickhouse_that_cannot_be_reached_is_one_line(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    need_clickhouse()
    with (
        pytest.raises(StudyError, match=r"^--backend: ClickHouse: [^?]+$"),
        on_engine(Dataset(tmp_path), url),
    ):
        raise AssertionError(url)
    assert caplog.records == []


def test_tables_come_whole_but_for_who_is_left_out(tmp_path: Path) -> None:
    need_clickhouse()
    study_of(tmp_path, mixed_hosts(20))
    left_out = Dataset(tmp_path / "data").table("grabs").ip.to_pyarrow().to_pylist()[:1]
    here = Dataset(tmp_path / "data", left_out)
    with clickhouse_server() as server, on_engine(here, server.url) as there:
        for name in ("grabs", "certificates", "keys"):
            local, remote = (dataset.table(name).to_pyarrow().to_pylist() for dataset in (here, there))
            assert sorted(map(repr, remote)) == sorted(map(repr, local))
            assert local
            assert not any(row.get("ip") in left_out for row in remote)
