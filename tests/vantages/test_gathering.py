"""Pieces are put into a dataset once, whatever interrupts it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mailcensus.dataset.files import replace_file
from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.run import CurrentRun, stage_row
from mailcensus.model import Exclusion
from mailcensus.study import Settings, StageFailed
from mailcensus.vantages.gathering import Gathered, Gatherer
from mailcensus.vantages.opt_outs import LOOKED_UP
from observations import START, hit, observation

TABLES = {"hits": ("ip",), "grabs": ("ip", "service"), "certificates": ("sha256",), "keys": ("spki_sha256",)}


def piece(directory: Path, hosts: range) -> Path:
    """A piece that has been asked; its hosts share a few keys with those of other pieces."""
    with CurrentRun(directory / "data", START) as run:
        run.begin("discover", START, "order")
        sink, recorder = HitSink(run), Recorder(run.data, flush_rows=4)
        for number in hosts:
            sink.add(hit(number))
            recorder.add(observation(number, "smtp", keys=5))
        sink.checkpoint(len(hosts))
        recorder.close()
        PartWriter(run.data, "exclusions", Exclusion).write(
            [
                Exclusion(
                    run_id="r", written_at=START, file=file, entry="192.0.2.1", kind="prefix", reason="", addresses=1,
                    since=START.date(), refused=2,
                )
                for file in ("opt-outs.txt", LOOKED_UP)
            ]
        )  # fmt: skip
        run.finish(stage_row(run, "discover", Settings(), asked=100, answered=len(hosts), excluded=3))
    return directory


def names(data: Path, table: str) -> Counter[tuple[object, ...]]:
    rows = [row for file in visible_files(data / table) for row in pq.read_table(file).to_pylist()]
    return Counter(tuple(row[column] for column in TABLES[table]) for row in rows)


def test_two_pieces_make_one_dataset_with_each_key_once(tmp_path: Path) -> None:
    gatherer = Gatherer(tmp_path / "data")
    came = [gatherer.gather(piece(tmp_path / str(number), range(number, number + 10))) for number in (0, 10)]
    assert came == [Gathered(100, 3, ("local", "test"))] * 2
    assert {table: names(tmp_path / "data", table).total() for table in TABLES} == {
        "hits": 20,
        "grabs": 20,
        "certificates": 5,
        "keys": 5,
    }
    assert not (tmp_path / "0" / "data").exists()


def test_a_piece_that_is_in_the_dataset_is_not_put_in_again(tmp_path: Path) -> None:
    directory = piece(tmp_path / "0", range(10))
    first = Gatherer(tmp_path / "data").gather(directory)
    assert Gatherer(tmp_path / "data").gather(directory) == first
    assert names(tmp_path / "data", "grabs").total() == 10


def test_of_exclusions_it_says_whom_they_stopped_and_no_more(tmp_path: Path) -> None:
    Gatherer(tmp_path / "data").gather(piece(tmp_path / "0", range(2)))
    (file,) = visible_files(tmp_path / "data" / "exclusions")
    (row,) = pq.read_table(file).to_pylist()
    assert (row["file"], row["addresses"], row["refused"]) == ("opt-outs.txt", None, 2)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 8])
def test_a_kill_anywhere_leaves_nothing_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    data = tmp_path / "data"
    Gatherer(data).gather(piece(tmp_path / "0", range(5)))
    directory, steps = piece(tmp_path / "1", range(5, 12)), iter(range(1, 100))

    def written(writer: PartWriter, table: object) -> None:
        if next(steps) == step:
            raise StageFailed("killed")
        write_table(writer, table)

    def noted(path: Path, content: bytes) -> None:
        if next(steps) == step:
            raise StageFailed("killed")
        replace_file(path, content)

    write_table = PartWriter.write_table
    with monkeypatch.context() as killing:
        killing.setattr(PartWriter, "write_table", written)
        killing.setattr("mailcensus.vantages.gathering.replace_file", noted)
        try:
            Gatherer(data).gather(directory)
        except StageFailed:
            pass
    Gatherer(data).gather(directory)
    for table, count in {"hits": 12, "grabs": 12, "certificates": 5, "keys": 5}.items():
        assert sorted(names(data, table).values()) == [1] * count, table
