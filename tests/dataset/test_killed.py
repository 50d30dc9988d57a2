"""kill -9 at random moments: no row that was in a part is lost, none is there twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.model import Hit
from observations import SERVICES, hit

pytestmark = pytest.mark.slow

HOSTS = 1_000
KILLS = 4


def recorded(data: Path) -> set[tuple[str, str]]:
    tables = [pq.read_table(file, columns=["ip", "service"]) for file in visible_files(data / "grabs")]
    return {(row["ip"], row["service"]) for table in tables for row in table.to_pylist()}


def collect(data: Path) -> "subprocess.Popen[str]":
    script = Path(__file__).with_name("collector.py")
    process = subprocess.Popen([sys.executable, str(script), str(data)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_kill_9_loses_no_part_and_doubles_no_row(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(number) for number in range(HOSTS)])
    moments = random.Random(2026)
    before: set[tuple[str, str]] = set()
    for _ in range(KILLS):
        process = collect(tmp_path)
        enough = len(visible_files(tmp_path / "grabs")) + moments.randrange(20)
        while len(visible_files(tmp_path / "grabs")) < enough:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
        process.kill()
        process.communicate(timeout=100)
        now = recorded(tmp_path)
        assert before <= now
        before = now
    assert 0 < len(before) < 2 * HOSTS, "the kills came in the middle"
    last = collect(tmp_path)
    output, _ = last.communicate(timeout=100)
    assert output == "done\n"

    def ask(query: str) -> object:
        return duckdb.sql(query.format(data=tmp_path)).fetchall()[0]

    everything = 2 * HOSTS
    assert (
        ask("select count(*), count(distinct (ip, service)) from '{data}/grabs/*.parquet'")
        == (everything,) * 2
    )
    assert ask("select count(*), count(distinct sha256) from '{data}/certificates/*.parquet'") == (50, 50)
    assert ask("select count(*), count(distinct spki_sha256) from '{data}/keys/*.parquet'") == (50, 50)
    assert len(recorded(tmp_path)) == HOSTS * len(SERVICES)
