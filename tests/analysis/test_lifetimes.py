"""Keys over many runs: silence is no end, and the curve is that of Kaplan and Meier."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from two_worlds import Found, World, spki

from mailcensus.analysis.lifetimes import kaplan_meier, lifetimes
from mailcensus.analysis.snapshot import take_snapshot


def key(*names: int, certificate: int = 0) -> Found:
    return Found(frozenset(names), certificate)


def test_the_curve_is_that_of_a_textbook() -> None:
    """Remission in weeks under 6-MP of 21 patients, Freireich 1963: the usual example; 10+ is censored."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    rows = kaplan_meier([(week, True, 1) for week in ended] + [(week, False, 1) for week in censored])
    curve = {row["days"]: round(row["survival_share"], 3) for row in rows if row["ended"]}
    assert curve == {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert [row["at_risk"] for row in rows][:2] == [21, 17]


def test_no_lives_make_no_curve() -> None:
    assert kaplan_meier([]) == []


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Four runs, ten days apart; the third learnt nothing of the second address."""
    directory = tmp_path_factory.mktemp("runs")
    stays, silent, changes = ("127.0.0.1", "ssh"), ("127.0.0.2", "ssh"), ("127.0.0.3", "smtp")
    worlds = [
        World({stays: key(2), silent: key(4), changes: key(6)}),
        World({stays: key(2), silent: key(4), changes: key(6, certificate=1)}, day=10),
        World({stays: key(2), silent: Found(outcome="timeout"), changes: key(8)}, day=20),
        World({stays: key(2), changes: key(8)}, day=30),
    ]
    for world in worlds:
        study = world.write(directory)
    snapshots = [take_snapshot(study, "s", world.run_id) for world in reversed(worlds)]
    return {name: table.to_pylist() for name, table in lifetimes(snapshots).items()}


@pytest.mark.slow
def test_each_key_has_a_first_and_a_last_day_and_silence_is_no_end(
    followed: dict[str, list[dict[str, Any]]],
) -> None:
    days = {
        row["spki_sha256"]: (row["first_seen_at"].day, row["last_seen_at"].day, row["runs_seen"], row["ended"])
        for row in followed["key_lifetimes"]
    }  # fmt: skip
    # From 22 November on: 2, 12 and 22 December are the later runs.
    assert days == {
        spki(2): (22, 22, 4, False),
        spki(4): (22, 2, 2, False),
        spki(6): (22, 2, 2, True),
        spki(8): (12, 22, 2, False),
    }


@pytest.mark.slow
def test_a_life_ends_in_the_run_that_knows_and_others_are_censored(
    followed: dict[str, list[dict[str, Any]]],
) -> None:
    steps = [(row["days"], row["at_risk"], row["ended"], row["censored"]) for row in followed["survival"]]
    assert steps == [(10, 4, 0, 2), (20, 2, 1, 0), (30, 1, 0, 1)]
    assert followed["survival"][-1]["survival_share"] == 0.5


@pytest.mark.slow
def test_renewals_tell_the_same_key_from_another(followed: dict[str, list[dict[str, Any]]]) -> None:
    counts = [
        (row["places"], row["same_certificate"], row["same_key"], row["other_key"])
        for row in followed["renewals"]
    ]
    assert counts == [(1, 0, 1, 0), (1, 0, 0, 1), (1, 1, 0, 0)]
