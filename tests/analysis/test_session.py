"""A study as SQL for DuckDB, and as a cell of a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.session import notebook, session_sql
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import TABLES as RECORDS
from mailcensus.model import fields_of
from observations import ip, observation

AWKWARD = 'it\'s [a] "study"? *'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    recorder = Recorder(tmp_path / AWKWARD / "data")
    for number in range(4):
        recorder.add(observation(number, "smtp", run_id="2026", keys=2))
    recorder.close()
    return tmp_path / AWKWARD / "data"


def opened(sql: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(sql)
    return connection


def test_every_table_is_a_view_with_its_columns(data: Path) -> None:
    connection = opened(session_sql(data, ()))
    for name, record in [*RECORDS.items(), *((f"analysis.{spec.name}", spec.row) for spec in TABLES)]:
        columns = [column for column, *_ in connection.execute(f"DESCRIBE {name}").fetchall()]
        assert columns == [field.name for field in fields_of(record)], name
    assert connection.execute("SELECT count(*) FROM last_grabs").fetchone() == (4,)
    assert connection.execute("SELECT count(DISTINCT spki_sha256) FROM shown").fetchone() == (2,)


def test_it_can_be_opened_again_over_itself(data: Path) -> None:
    sql = session_sql(data, {ip(0)})
    connection = opened(sql)
    connection.execute(sql)
    assert connection.execute("SELECT count(*) FROM grabs").fetchone() == (3,)


def test_whoever_opted_out_is_in_no_view(data: Path) -> None:
    connection = opened(session_sql(data, {ip(1), "it's"}))
    for view in ("grabs", "last_grabs", "shown"):
        assert connection.execute(f"SELECT count(*) FROM {view} WHERE ip = '{ip(1)}'").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM grabs").fetchone() == (3,)


def test_the_cell_of_a_notebook_opens_the_same(data: Path) -> None:
    names: dict[str, Any] = {}
    exec(notebook(session_sql(data, ())), names)
    assert names["study"].sql("SELECT count(*) FROM grabs").fetchall() == [(4,)]
