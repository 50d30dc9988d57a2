"""Rows of a query that wait on disk."""

from pathlib import Path

import pytest

from mailcensus.dataset import rows_on_disk
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.rows_on_disk import RowsOnDisk
from mailcensus.model import Hit
from mailcensus.study import StageFailed
from observations import hit

_MANY = "SELECT range AS number, repeat('x', 40) || range AS text FROM range($count) ORDER BY hash(range)"


def test_rows_come_in_order_and_as_often_as_they_are_asked_for(tmp_path: Path) -> None:
    data = tmp_path / "it's [d]ata"
    PartWriter(data, "hits", Hit).write([hit(3), hit(1), hit(2)])
    rows = RowsOnDisk(data, "SELECT ip FROM hits WHERE port = $port ORDER BY ip", ("hits",), port=25)
    expected = [{"ip": hit(number).ip} for number in (1, 2, 3)]
    assert (len(rows), list(rows), list(rows)) == (3, expected, expected)


def test_what_is_written_later_is_not_among_them(tmp_path: Path) -> None:
    rows = RowsOnDisk(tmp_path, "SELECT ip FROM hits", ("hits",))
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    assert list(rows) == []


def test_nothing_is_left_in_the_dataset_even_of_a_process_that_was_killed(tmp_path: Path) -> None:
    killed = tmp_path / rows_on_disk._DIRECTORY
    killed.mkdir()
    (killed / "rows.parquet").write_bytes(b"PAR1 half a")
    rows = RowsOnDisk(tmp_path, _MANY, (), count=5)
    assert list(tmp_path.iterdir()) == []
    assert sorted(row["number"] for row in rows) == [0, 1, 2, 3, 4]


def test_the_query_keeps_to_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_on_disk, "MEMORY", "1MB")
    with pytest.raises(StageFailed, match="Out of Memory"):
        RowsOnDisk(tmp_path, _MANY, (), count=100_000)


def test_a_disk_that_takes_no_more_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no directory")
    with pytest.raises(StageFailed, match=r"cannot be written.*free some space"):
        RowsOnDisk(tmp_path / "data", _MANY, (), count=5)
