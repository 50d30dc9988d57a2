"""A copy of a run is at any moment one that a crash could have left, and in the end the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.run import CurrentRun, read_run
from mailcensus.vantages.mirror import Changes, changes, store
from observations import hit, observation


def rows(data: Path, table: str) -> list[dict[str, object]]:
    return [row for file in visible_files(data / table) for row in pq.read_table(file).to_pylist()]


def copy(data: Path, to: Path, known: frozenset[str]) -> frozenset[str]:
    new = changes(data, known)
    store(to, new)
    return frozenset(new.names)


def test_a_copy_follows_a_run_and_what_it_refers_to_is_always_there(tmp_path: Path) -> None:
    data, to, known = tmp_path / "data", tmp_path / "copy", frozenset[str]()
    with CurrentRun(data, datetime.now(UTC)) as run:
        sink, recorder = HitSink(run), Recorder(data, flush_rows=3)
        for number in range(12):
            sink.add(hit(number, run.run_id))
            sink.checkpoint(number + 1)
            recorder.add(observation(number, "smtp", run_id=run.run_id))
            known = copy(data, to, known)
            copied = read_run(to)
            assert copied is not None
            assert len(rows(to, "hits")) >= copied.stages["discover"].position
            shown = {name for row in rows(to, "grabs") for name in (row["tls"] or {}).get("chain") or ()}
            assert shown <= {row["sha256"] for row in rows(to, "certificates")}
        recorder.close()
        sink.compact()
        recorder.compact()
    copy(data, to, known)
    for table in ("hits", "grabs", "certificates", "keys"):
        assert [file.name for file in visible_files(to / table)] == [
            file.name for file in visible_files(data / table)
        ]
        assert rows(to, table) == rows(data, table)


def test_what_the_copy_has_is_not_sent_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.add(observation(1, "smtp"))
    recorder.close()
    first = changes(tmp_path, frozenset())
    assert set(first.files) == set(first.names)
    assert not changes(tmp_path, frozenset(first.names)).files


@pytest.mark.parametrize(
    "name",
    [
        "../study.toml",
        "grabs/../../x",
        "nobody/part-00000001-00000001-00000000.parquet",
        "grabs/x",
        "/etc/passwd",
    ],
)
def test_nothing_is_written_but_parts_of_a_dataset(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a file of a dataset"):
        store(tmp_path, Changes((name,), {name: b""}))


def test_a_part_that_arrives_damaged_is_refused(tmp_path: Path) -> None:
    name = "grabs/part-00000001-00000001-deadbeef.parquet"
    with pytest.raises(ValueError, match="not what was sent"):
        store(tmp_path, Changes((name,), {name: b"x"}))
    assert not (tmp_path / name).exists()
