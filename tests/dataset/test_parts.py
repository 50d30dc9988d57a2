"""Parts are whole or not there, and compaction loses and doubles nothing."""

import errno
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mailcensus.dataset import parts
from mailcensus.dataset.columns import table_of
from mailcensus.dataset.parts import FAN_IN, PartWriter, visible_parts
from mailcensus.model import Hit
from mailcensus.study import StudyError


def hit(number: int) -> Hit:
    return Hit(
        run_id="r",
        seen_at=datetime(2026, 1, 1, tzinfo=UTC),
        ip=f"127.0.0.{number}",
        port=25,
        engine="connect",
    )


def ips(data: Path) -> list[str]:
    rows = [row for part in visible_parts(data / "hits") for row in pq.read_table(part.path).to_pylist()]
    return [row["ip"] for row in rows]


def names(data: Path) -> list[str]:
    """Of files, without the checksums."""
    return sorted(
        re.sub(r"-[0-9a-f]{8}\.parquet$", ".parquet", path.name) for path in (data / "hits").iterdir()
    )


def numbers(count: int) -> list[str]:
    return [f"127.0.0.{number}" for number in range(count)]


def test_duckdb_and_pyarrow_read_the_directory_as_it_is(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    writer.write([hit(0), hit(1)])
    writer.write([hit(2)])
    assert names(tmp_path) == ["part-00000001-00000001.parquet", "part-00000002-00000002.parquet"]
    glob = str(tmp_path / "hits" / "*.parquet")
    found = duckdb.sql(f"select ip from '{glob}' order by filename, ip").fetchall()
    assert [ip for (ip,) in found] == numbers(3)
    assert pq.read_table(tmp_path / "hits").column("ip").to_pylist() == numbers(3)


def test_writing_nothing_makes_no_part(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([])
    assert names(tmp_path) == []


def test_numbers_go_on_after_reopening(tmp_path: Path) -> None:
    for number in range(3):
        PartWriter(tmp_path, "hits", Hit).write([hit(number)])
    assert ips(tmp_path) == numbers(3)
    assert len(visible_parts(tmp_path / "hits")) == 3


def test_compaction_keeps_rows_and_order(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(5):
        writer.write([hit(number)])
    writer.compact()
    assert names(tmp_path) == ["part-00000001-00000005.parquet"]
    writer.write([hit(5)])
    assert ips(tmp_path) == numbers(6)


def test_a_long_run_has_few_parts(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(3 * FAN_IN + 5):
        writer.write([hit(number)])
        writer.compact_tiers()
    assert len(visible_parts(tmp_path / "hits")) == 3 + 5
    assert ips(tmp_path) == numbers(3 * FAN_IN + 5)


def test_row_groups_are_bounded_in_rows_and_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", 4)
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(10):
        writer.write([hit(number)])
    writer.compact()
    (part,) = visible_parts(tmp_path / "hits")
    file = pq.ParquetFile(part.path)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4, 2]


def test_merging_a_long_table_takes_no_more_memory_than_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROW_GROUP_BYTES", 1 << 18)
    short, long = (
        _most_arrow_bytes_while_merged(tmp_path / str(count), count) for count in (40_000, 320_000)
    )
    assert long < 1.2 * short


def _most_arrow_bytes_while_merged(data: Path, rows: int) -> int:
    """Merge eight parts of so many rows together; a hit has some 70 bytes in Arrow."""
    writer = PartWriter(data, "hits", Hit)
    some = table_of(Hit, [hit(number) for number in range(1_000)])
    for _ in range(8):
        writer.write_table(pa.concat_tables([some] * (rows // 8_000)))
    pool, ordinary = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    try:
        writer.compact()
    finally:
        pa.set_memory_pool(ordinary)
    return int(pool.max_memory())


def test_parts_beyond_the_full_size_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(5):
        writer.write([hit(number)])
    two = 2 * visible_parts(tmp_path / "hits")[0].path.stat().st_size
    monkeypatch.setattr(parts, "FULL_PART_BYTES", two)
    writer.compact()
    assert [part.span for part in visible_parts(tmp_path / "hits")] == [2, 2, 1]
    assert ips(tmp_path) == numbers(5)


@pytest.mark.parametrize("removed", range(4))
def test_a_kill_between_renaming_and_removing_doubles_nothing(tmp_path: Path, removed: int) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(3):
        writer.write([hit(number)])
    saved = tmp_path / "saved"
    shutil.copytree(tmp_path / "hits", saved)
    writer.compact()
    for path in sorted(saved.iterdir())[removed:]:
        shutil.copy(path, tmp_path / "hits" / path.name)
    assert ips(tmp_path) == numbers(3), "readers pass leftovers over"
    PartWriter(tmp_path, "hits", Hit)
    assert names(tmp_path) == ["part-00000001-00000003.parquet"], "the next writer removes them"


def test_a_kill_while_writing_leaves_nothing_visible(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(0)])
    (tmp_path / "hits" / ".part-00000002-00000002.parquet.tmp").write_bytes(b"PAR1 half a")
    assert ips(tmp_path) == numbers(1)
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    assert ips(tmp_path) == numbers(2)
    assert len(names(tmp_path)) == 2


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    writer.write([hit(0)])

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(parts, "sync", full)
        with pytest.raises(StudyError, match=r"disk full.*free some space") as caught:
            writer.write([hit(1)])
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["part-00000001-00000001.parquet"]
    writer.write([hit(1)])
    assert ips(tmp_path) == numbers(2)


_BEYOND_THE_QUOTA = """
import resource, signal, sys
from pathlib import Path
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Key
from mailcensus.study import StudyError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import random
key = Key(spki_sha256="00", algorithm="rsa", spki_der=random.Random(1).randbytes(100_000))
try:
    PartWriter(Path(sys.argv[1]), "keys", Key).write([key])
except StudyError as error:
    print(error)
"""


def test_a_write_cut_short_by_the_system_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BEYOND_THE_QUOTA, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "cannot be written" in done.stdout
    assert list((tmp_path / "keys").iterdir()) == []


def test_names_sort_in_writing_order(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "hits", Hit)
    for number in range(40):
        writer.write([hit(number)])
        writer.compact_tiers()
    found = visible_parts(tmp_path / "hits")
    assert [part.path.name for part in found] == sorted(part.path.name for part in found)
    assert all(a.last + 1 == b.first for a, b in pairwise(found))
