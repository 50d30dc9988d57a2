"""A dataset as tables."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset, final_grabs
from mailcensus.model import TABLES, Grab, Outcome, schema_of
from observations import grab, ip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_does_not_exist_yet_is_empty_with_its_columns(tmp_path: Path, name: str) -> None:
    table = Dataset(tmp_path).table(name)
    assert table.count().execute() == 0
    assert list(table.columns) == schema_of(TABLES[name]).names


def test_an_empty_study_has_no_newest_run(tmp_path: Path) -> None:
    assert Dataset(tmp_path).newest_run() is None


def test_an_unknown_table_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Dataset(tmp_path).table("grab")


def test_the_last_attempt_of_the_newest_run_is_final(tmp_path: Path) -> None:
    limited = Outcome.RATE_LIMITED
    PartWriter(tmp_path, "grabs", Grab).write(
        [
            grab(1, run_id="2025", outcome=Outcome.TIMEOUT),
            grab(1, run_id="2025", outcome=Outcome.OK, attempt=9),
            grab(1, run_id="2026", outcome=limited),
            grab(1, run_id="2026", outcome=limited, attempt=2),
            grab(1, run_id="2026", outcome=Outcome.OK, attempt=3),
            grab(1, run_id="2026", service="ssh", outcome=limited),
            grab(2, run_id="2026"),
        ]
    )
    dataset = Dataset(tmp_path)
    assert dataset.newest_run() == "2026"
    grabs = final_grabs(dataset.table("grabs"), "2026")
    rows = (
        grabs.select("ip", "service", "attempt", "outcome").order_by("ip", "service").to_pyarrow().to_pylist()
    )
    assert [tuple(row.values()) for row in rows] == [
        (ip(1), "smtp", 3, "ok"),
        (ip(1), "ssh", 1, "rate_limited"),
        (ip(2), "smtp", 1, "ok"),
    ]


def test_threads_ask_at_once_and_see_what_others_hold(tmp_path: Path) -> None:
    PartWriter(tmp_path, "grabs", Grab).write([grab(1, run_id="2026")])
    dataset = Dataset(tmp_path)
    shared = dataset.put("shared", pa.table({"number": [1]}))
    constants = ibis.memtable({"number": [2]})

    def ask(own: int) -> list[int]:
        mine = dataset.put(f"own_{own}", ibis.union(shared, constants))
        numbers = dataset.rows(mine.order_by("number"))["number"].to_pylist()
        alone = dataset.rows(constants)["number"].to_pylist()
        return [*numbers, *alone, dataset.table("grabs").count().to_pyarrow().as_py()]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(40))) == [[1, 2, 2, 1]] * 40
