"""Vantages beside each other, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Outcome, Run
from observations import START, grab

OUTCOMES = {
    ("north", "smtp"): [Outcome.OK] * 81 + [Outcome.TIMEOUT] * 29 + [Outcome.RATE_LIMITED],
    ("south", "smtp"): [Outcome.OK] * 95 + [Outcome.TIMEOUT] * 5,
    ("north", "imap"): [Outcome.OK] * 9 + [Outcome.REFUSED],
    ("south", "imap"): [Outcome.OK] * 10,
    ("north", "ssh"): [Outcome.OK],
}


def table(
    data: Path, vantages: str, outcomes_of: dict[tuple[str, str], list[Outcome]] = OUTCOMES
) -> dict[tuple[str, str], dict[str, Any]]:
    grabs: list[Grab] = []
    for (vantage, service), outcomes in outcomes_of.items():
        base = 0 if vantage == "north" else 500
        for number, outcome in enumerate(outcomes):
            grabs.append(replace(grab(base + number, service, outcome), vantage=vantage))
    again = [
        replace(one, attempt=2, outcome=Outcome.OK) for one in grabs if one.outcome is Outcome.RATE_LIMITED
    ]
    PartWriter(data, "grabs", Grab).write([*grabs, *again])
    run = Run(
        run_id="r", stage="collect", started_at=START, ended_at=START, vantage=vantages, mailcensus_version="0",
        settings_json="{}",
    )  # fmt: skip
    PartWriter(data, "runs", Run).write([run])
    (spec,) = (spec for spec in TABLES if spec.name == "vantage_services")
    rows = rows_of(spec, gather(Dataset(data))).to_pylist()
    return {(row["vantage"], row["service"]): row for row in rows}


def test_each_vantage_stands_beside_all_others_service_by_service(tmp_path: Path) -> None:
    found = table(tmp_path, "north, south")
    assert sorted(found) == [("north", "imap"), ("north", "smtp"), ("south", "imap"), ("south", "smtp")]
    north = found["north", "smtp"]
    counts = {name: north[name] for name in ("hosts", "ok", "timeouts", "rate_limited")}
    assert counts == {"hosts": 111, "ok": 82, "timeouts": 29, "rate_limited": 0}, "the last attempt counts"
    assert north["share"] == pytest.approx(82 / 111)
    assert north["others_share"] == pytest.approx(0.95)
    south = found["south", "smtp"]
    assert (south["low"], south["high"]) == pytest.approx((-north["high"], -north["low"]))


def test_what_chance_makes_does_not_differ_and_what_it_does_not_make_does(tmp_path: Path) -> None:
    found = table(tmp_path, "north, south")
    assert found["north", "smtp"]["differs"]
    assert not found["north", "imap"]["differs"]


def test_where_one_machine_asked_everybody_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert table(tmp_path, "north") == {}


def test_the_interval_is_newcombes(tmp_path: Path) -> None:
    """Of 56 of 70 beside 48 of 80: his example (a), method 10: 0.0524 to 0.3339."""
    outcomes_of = {
        (vantage, "smtp"): [Outcome.OK] * ok + [Outcome.TIMEOUT] * (hosts - ok)
        for vantage, ok, hosts in (("north", 56, 70), ("south", 48, 80))
    }
    row = table(tmp_path, "north, south", outcomes_of)["north", "smtp"]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
