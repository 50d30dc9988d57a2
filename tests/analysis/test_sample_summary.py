"""Headline numbers of a run that asked a sample."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.estimate import estimate
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Hit, Run

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SUMMARY = next(spec for spec in TABLES if spec.name == "summary")


def summary_of(data: Path, *, asked: int, hits: int, sampled_from: int | None) -> dict[str, int | None]:
    run = Run(
        run_id="r",
        stage="discover",
        started_at=NOW,
        ended_at=NOW,
        vantage="here",
        mailcensus_version="0",
        settings_json="{}",
        asked=asked,
        answered=hits,
        sampled_from=sampled_from,
    )
    PartWriter(data, "runs", Run).write([run])
    PartWriter(data, "hits", Hit).write(
        [
            Hit(run_id="r", seen_at=NOW, ip=f"192.0.2.{n}", port=25, engine="connect", canary=n >= hits)
            for n in range(hits + 2)
        ]
    )
    rows = rows_of(SUMMARY, gather(Dataset(data))).to_pylist()
    return {row["name"]: row["value"] for row in rows if row["name"].startswith(("sampled", "hits_e"))}


def test_a_sample_gives_an_estimate_of_all_hits_with_its_interval(tmp_path: Path) -> None:
    found = summary_of(tmp_path, asked=1000, hits=7, sampled_from=50_000)
    expected = estimate(7, 1000, 50_000)
    assert expected.count == 350
    assert list(found.values()) == [50_000, 350, expected.low, expected.high]


def test_a_sample_without_a_hit_still_says_how_many_there_may_be(tmp_path: Path) -> None:
    found = summary_of(tmp_path, asked=1000, hits=0, sampled_from=50_000)
    assert (found["hits_estimated"], found["hits_estimated_low"]) == (0, 0)
    assert found["hits_estimated_high"] == estimate(0, 1000, 50_000).high > 150


def test_who_asked_everybody_has_nothing_to_estimate(tmp_path: Path) -> None:
    assert set(summary_of(tmp_path, asked=1000, hits=7, sampled_from=None).values()) == {None}
