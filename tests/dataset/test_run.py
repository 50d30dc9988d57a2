"""The current run: begun, taken up again, finished once."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.run import CurrentRun, StageState, read_run, run_file
from mailcensus.model import Run
from mailcensus.study import StudyError
from observations import START, hit

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def row(run: CurrentRun, stage: str = "discover") -> Run:
    return Run(
        run_id=run.run_id, stage=stage, started_at=run.stage(stage).began, ended_at=NOW, vantage="test",
        mailcensus_version="0", settings_json="{}", interruptions=run.stage(stage).interruptions,
    )  # fmt: skip


def test_a_run_is_named_after_its_beginning(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW) as run:
        assert run.run_id.startswith("2026-11-22T01-02-03Z-")
        assert run.stage("discover").state is StageState.NOT_STARTED


def test_a_run_is_taken_up_again_where_it_stood(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW) as run:
        assert run.begin("discover", NOW).interruptions == 0
        run.checkpoint("discover", 500)
        first = run.run_id
    with CurrentRun(tmp_path, datetime(2027, 1, 1, tzinfo=UTC)) as run:
        progress = run.begin("discover", datetime(2027, 1, 1, tzinfo=UTC))
        assert (run.run_id, progress.position, progress.interruptions) == (first, 500, 1)
        assert progress.began == NOW


def test_a_stage_that_is_done_stays_as_it_is(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW) as run:
        run.begin("discover", NOW)
        run.finish(row(run))
    before = run_file(tmp_path).read_bytes()
    with CurrentRun(tmp_path, NOW) as run:
        assert run.begin("discover", NOW).state is StageState.DONE
    assert run_file(tmp_path).read_bytes() == before
    assert pq.read_table(tmp_path / "runs").num_rows == 1


def test_a_crash_between_the_row_and_the_mark_does_not_write_the_row_twice(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW) as run:
        run.begin("discover", NOW)
        unmarked = run_file(tmp_path).read_bytes()
        run.finish(row(run))
    run_file(tmp_path).write_bytes(unmarked)
    with CurrentRun(tmp_path, NOW) as run:
        run.begin("discover", NOW)
        run.finish(row(run))
        run.begin("collect", NOW)
        run.finish(row(run, "collect"))
    assert pq.read_table(tmp_path / "runs").column("stage").to_pylist() == ["discover", "collect"]


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW), pytest.raises(StudyError, match="another mailcensus is writing"):
        CurrentRun(tmp_path, NOW)
    CurrentRun(tmp_path, NOW).close()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"run_id": "x", "stages": {"collect": {"state": "odd"}}}']
)
def test_a_run_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, content: str) -> None:
    run_file(tmp_path).write_text(content)
    with pytest.raises(StudyError, match=r"run\.json: cannot be read .* remove it to begin a new run"):
        CurrentRun(tmp_path, NOW)
    with pytest.raises(StudyError):
        read_run(tmp_path)


def test_there_is_no_run_before_the_first(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None


def test_hits_are_on_disk_before_the_position_that_covers_them(tmp_path: Path) -> None:
    with CurrentRun(tmp_path, NOW) as run:
        run.begin("discover", NOW)
        sink = HitSink(run)
        assert sink.add(hit(1, run.run_id))
        assert not sink.add(hit(1, run.run_id))
        sink.checkpoint(10)
        sink.add(hit(2, run.run_id))  # lost with the process: its window is asked again
    with CurrentRun(tmp_path, START) as run:
        assert run.begin("discover", START).position == 10
        sink = HitSink(run)
        assert sink.count == 1
        assert not sink.add(hit(1, run.run_id))
        assert sink.add(hit(2, run.run_id))
        sink.checkpoint(20)
        sink.compact()
        assert sink.count == 2
    assert pq.read_table(tmp_path / "hits").column("ip").to_pylist() == ["127.0.0.1", "127.0.0.2"]


def test_a_new_run_may_find_the_same_address_again(tmp_path: Path) -> None:
    for _ in range(2):
        with CurrentRun(tmp_path, NOW) as run:
            run.begin("discover", NOW)
            assert HitSink(run).add(hit(1, run.run_id))
        run_file(tmp_path).unlink()
