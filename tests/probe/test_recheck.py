"""Asking again passes the dialer: exclusions hold, and what is sent stands in the books."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop

from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Recheck, RecheckVerdict
from mailcensus.population import Exclusions
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.recheck import Expected, recheck
from mailcensus.study import Settings, Study

KEY = "0" * 64


def study_of(directory: Path, excluded: str) -> Study:
    (directory / "out.txt").write_text(excluded)
    settings = {"study": {"allow_special": True}, "population": {"exclusions": ["out.txt"]}}
    return Study(directory, Settings.model_validate(settings))


def asked(study: Study, *expected: Expected) -> list[Recheck]:
    seen: list[Recheck] = []
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        rows = uvloop.run(recheck(study, run, "r", 3, expected, seen.append, timeout_s=5))
    assert sorted(map(repr, seen)) == sorted(map(repr, rows))
    return rows


def test_who_is_excluded_is_not_asked_and_who_is_down_is_unreachable_and_counted(tmp_path: Path) -> None:
    study = study_of(tmp_path, "127.0.0.9\n")
    rows = asked(
        study,
        Expected("127.0.0.9", 1, "ssh", KEY, "rsa"),
        Expected("127.0.0.8", 1, "ssh", KEY, "rsa"),
        Expected("127.0.0.8", 1, "imaps", KEY, "rsa"),
    )
    assert [row.verdict for row in rows] == [
        RecheckVerdict.EXCLUDED,
        RecheckVerdict.UNREACHABLE,
        RecheckVerdict.UNREACHABLE,
    ]
    assert {(row.run_id, row.cluster) for row in rows} == {("r", 3)}
    sent = Dataset(study.data).table("politeness").to_pyarrow().to_pylist()
    assert {row["network"]: row["attempts"] for row in sent} == {"127.0.0.0/24": 2}


def test_a_turn_is_lent_once() -> None:
    async def scenario() -> None:
        dialer = Dialer(Settings().politeness, Exclusions(), allow_special=True)
        async with dialer.admit("127.0.0.1") as turn:
            turn.lend()
            with pytest.raises(RuntimeError, match="one connection"):
                turn.lend()

    uvloop.run(scenario())
