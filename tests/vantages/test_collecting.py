"""Which stages an office finishes, and which it leaves to a later `mailcensus run`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcensus.dataset.run import CurrentRun, StageState
from mailcensus.study import Settings, Study
from mailcensus.vantages.collecting import begin_beside

BOTH = {"followups": {"legacy": True}, "noise": {"ports": [1337]}}


def begun(directory: Path, sections: dict[str, object], *, is_first: bool) -> set[str]:
    """What one session of the office begins."""
    study = Study(directory, Settings.model_validate(sections))
    study.data.mkdir(exist_ok=True)
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        stages = begin_beside(study, run, is_first=is_first)
        assert all(run.stage(stage).state is StageState.RUNNING for stage in stages)
    return set(stages)


def test_what_was_begun_before_the_first_piece_is_taken_up(tmp_path: Path) -> None:
    for is_first in (True, True, False):
        assert begun(tmp_path, BOTH, is_first=is_first) == {"follow_up", "noise"}


@pytest.mark.parametrize("wanted", ["followups", "noise"])
def test_what_a_study_wants_once_there_are_pieces_is_left_to_later(tmp_path: Path, wanted: str) -> None:
    first = begun(tmp_path, {wanted: BOTH[wanted]}, is_first=True)
    assert len(first) == 1
    assert begun(tmp_path, BOTH, is_first=False) == first


def test_what_was_damaged_since_is_left_to_later(tmp_path: Path) -> None:
    begun(tmp_path, BOTH, is_first=True)
    for table in ("followups", "noise"):
        part = tmp_path / "data" / table / "part-00000001-00000001-00000000.parquet"
        part.parent.mkdir()
        part.write_bytes(b"not what was written")
        wanted = {"noise"} if table == "followups" else set()
        assert begun(tmp_path, BOTH, is_first=False) == wanted
