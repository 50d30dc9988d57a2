"""What is too much for memory goes to disk, gives the same rows, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from mailcensus.dataset import memory
from mailcensus.dataset.memory import bounded, on_disk_if_large
from mailcensus.dataset.tables import Dataset

ROWS = 1_000_000
UNCLOSED = """
import ctypes, pathlib, sys
from mailcensus.dataset import memory
from mailcensus.dataset.tables import Dataset

memory.SHARE /= 200
dataset = memory.bounded(Dataset(pathlib.Path(sys.argv[1])))
ctypes.pythonapi.Py_IncRef(ctypes.py_object(dataset.connection.con))
dataset.connection.raw_sql(f"CREATE TABLE t AS SELECT sha256(range::VARCHAR) FROM range({sys.argv[2]})")
print(*(one.name for one in dataset.data.iterdir()))
"""


def test_what_duckdb_has_no_memory_for_lies_beside_the_data_until_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        memory, "SHARE", 30e6 / (0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    )
    dataset = bounded(Dataset(tmp_path))
    dataset.connection.raw_sql(
        f"CREATE TABLE much AS SELECT sha256(range::VARCHAR) AS name FROM range({ROWS})"
    )
    names = dataset.connection.con.execute("SELECT count(DISTINCT name) FROM much").fetchone()
    assert names == (ROWS,)
    (spilled,) = tmp_path.glob(f".spilled-{os.getpid()}-*")
    assert sum(file.stat().st_size for file in spilled.iterdir()) > 20_000_000
    dataset.connection.con.close()
    dataset.connection.disconnect()
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_leaves_nothing_of_a_connection_that_nobody_closed(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNCLOSED, tmp_path, str(ROWS)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1].startswith(".spilled-")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_needs_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".spilled-0-3", tmp_path / ".spilled-1-0"
    for directory in (dead, alive):
        directory.mkdir()
        (directory / "duckdb_temp_storage-0.tmp").write_bytes(b"rows")
    bounded(Dataset(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [".spilled-1-0"]


def test_a_large_table_is_the_same_out_of_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LARGE_BYTES", 100)
    rows = pa.table({"text": ["a", None, "b" * 200], "list": [[1], None, []]})
    held = pa.total_allocated_bytes()
    found = on_disk_if_large(rows, tmp_path)
    assert found.equals(rows)
    assert pa.total_allocated_bytes() == held
    assert list(tmp_path.iterdir()) == []


def test_a_small_table_stays_where_it_is(tmp_path: Path) -> None:
    rows = pa.table({"a": [1]})
    assert on_disk_if_large(rows, tmp_path / "there is no such directory") is rows
