"""Bad rows are kept aside, within bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailcensus.dataset.imports import rejects
from mailcensus.dataset.imports.rejects import Rejects
from mailcensus.dataset.imports.rows import Reject
from mailcensus.study import StageFailed


def test_of_rejects_so_many_are_kept_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "_KEPT", 2)
    with Rejects(tmp_path / "rejects" / "a.jsonl") as kept:
        kept.add(Reject(3, "not JSON", "x" * 5_000))
        kept.add(Reject(4, "no ip", "{}"), "mx.csv")
        kept.add(Reject(5, "no ip", "{}"))
    first, second = map(json.loads, kept.path.read_text().splitlines())
    assert first == {"line": 3, "reason": "not JSON", "row": "x" * 2_000}
    assert second == {"file": "mx.csv", "line": 4, "reason": "no ip", "row": "{}"}
    assert kept.count == 3


def test_without_rejects_there_is_no_file_and_an_older_one_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("of the last try\n")
    with Rejects(path) as kept:
        assert kept.count == 0
    assert not path.exists()


def test_rejects_that_cannot_be_written_end_the_import_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "rejects").write_text("a file where a directory belongs")
    with pytest.raises(StageFailed, match=r"rejects/a\.jsonl: cannot be written: Not a directory"):
        Rejects(tmp_path / "rejects" / "a.jsonl")
    (tmp_path / "rejects").unlink()
    with Rejects(tmp_path / "rejects" / "a.jsonl") as kept:
        (tmp_path / "rejects").write_text("the same, later")
        with pytest.raises(StageFailed, match=r"a\.jsonl: cannot be written"):
            kept.add(Reject(1, "not JSON", ""))
