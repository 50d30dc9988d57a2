"""The ledger's tables and the account of exclusions, against what was put on disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Exclusion, Run, SentInAll, SentToNetwork
from mailcensus.population.exclusion_list import NO_REASON
from mailcensus.study import Settings

HOUR = datetime(2026, 11, 22, 5, tzinfo=UTC)
LATER = HOUR + timedelta(hours=1)


def table(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    (spec,) = (spec for spec in TABLES if spec.name == name)
    rows: list[dict[str, Any]] = rows_of(spec, evidence).to_pylist()
    return rows


def sent(
    network: str, attempts: int, peak: int, hour: datetime = HOUR, asn: int | None = None
) -> SentToNetwork:
    return SentToNetwork(run_id="r", hour=hour, network=network, asn=asn, attempts=attempts, peak_per_s=peak)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    tmp_path = tmp_path_factory.mktemp("data")
    networks = PartWriter(tmp_path, "politeness", SentToNetwork)
    networks.write([sent("10.0.0.0/24", 5, 1, asn=64500), sent("10.0.1.0/24", 1, 1, asn=64500)])
    networks.write([sent("10.0.0.0/24", 2, 2, asn=64500), sent("10.0.0.0/24", 1, 1, LATER, 64500)])
    networks.write([sent("2001:db8::/48", 4, 1, LATER), replace(sent("10.9.0.0/24", 99, 9), run_id="q")])
    total = SentInAll(
        run_id="r", hour=HOUR, attempts=6, peak_per_s=3, peak_at=HOUR, peak_as_per_s=2, peak_open=4
    )
    again = replace(total, attempts=2, peak_per_s=5, peak_at=HOUR + timedelta(minutes=3), peak_open=1)
    last = replace(total, hour=LATER, attempts=5, peak_per_s=1, peak_as_per_s=None)
    PartWriter(tmp_path, "politeness_peaks", SentInAll).write([total, again, last])
    settings = Settings.model_validate({"politeness": {"as_connections_per_s": 20}})
    run = Run(
        run_id="r", stage="discover", started_at=HOUR, ended_at=LATER, vantage="v", mailcensus_version="0",
        settings_json=settings.model_dump_json(),
    )  # fmt: skip
    PartWriter(tmp_path, "runs", Run).write([run])
    entry = Exclusion(
        run_id="r", written_at=HOUR, file="opt-outs", entry="192.0.2.0/24", kind="prefix", reason=NO_REASON,
        since=date(2026, 1, 2), addresses=256,
    )  # fmt: skip
    PartWriter(tmp_path, "exclusions", Exclusion).write(
        [
            entry,
            replace(entry, written_at=LATER, addresses=256, refused=3, reason="by mail"),
            replace(entry, written_at=LATER, addresses=None, refused=4, reason="by mail"),
            replace(entry, entry="198.51.100.1", since=date(2026, 3, 4), addresses=1),
            replace(entry, entry="AS64500", kind="as", addresses=None),
            replace(entry, run_id="q", refused=99),
        ]
    )
    return gather(Dataset(tmp_path))


def test_hours_add_up_what_parts_of_them_hold(evidence: Evidence) -> None:
    rows = table(evidence, "ledger_hours")
    keys = ("hour", "attempts", "networks", "peak_per_s", "peak_open")
    assert [tuple(row[key] for key in keys) for row in rows] == [(HOUR, 8, 2, 5, 4), (LATER, 5, 2, 1, 4)]
    assert rows[0]["per_s"] == pytest.approx(8 / 3600)


def test_networks_and_systems_come_with_the_most_in_an_hour(evidence: Evidence) -> None:
    networks = table(evidence, "ledger_networks")
    assert [tuple(row.values()) for row in networks] == [
        ("10.0.0.0/24", 64500, 8, 2, 7, 2),
        ("2001:db8::/48", None, 4, 1, 4, 1),
        ("10.0.1.0/24", 64500, 1, 1, 1, 1),
    ]
    systems = table(evidence, "ledger_systems")
    assert [tuple(row.values()) for row in systems] == [(64500, 9, 9 / 13, 2, 8), (None, 4, 4 / 13, 1, 4)]


def test_a_network_in_which_somebody_opted_out_is_not_named_and_still_counted(evidence: Evidence) -> None:
    dataset = Dataset(evidence.dataset.data, left_out_networks=["10.0.0.0/24"])
    evidence = replace(evidence, dataset=dataset, worked_out={})
    assert [row["network"] for row in table(evidence, "ledger_networks")] == ["2001:db8::/48", "10.0.1.0/24"]
    assert sum(row["attempts"] for row in table(evidence, "ledger_hours")) == 13


def test_peaks_stand_beside_what_the_study_allows(evidence: Evidence) -> None:
    rows = {row["name"]: row for row in table(evidence, "ledger_peaks")}
    assert {name: (row["peak"], row["allowed"]) for name, row in rows.items()} == {
        "per_s": (5, 147.0), "network_per_s": (2, 2.0), "as_per_s": (2, 20.0), "open": (4, 2000.0),
    }  # fmt: skip
    assert rows["per_s"]["at"] == HOUR + timedelta(minutes=3)


def test_exclusions_are_counted_by_file_and_kind_without_saying_whom(evidence: Evidence) -> None:
    rows = table(evidence, "exclusions")
    assert [tuple(row.values()) for row in rows] == [
        ("opt-outs", "as", 1, 0, "2026-01-02", "2026-01-02", None, 0),
        ("opt-outs", "prefix", 2, 1, "2026-01-02", "2026-03-04", 257, 7),
    ]
    assert "192.0.2" not in str(rows)
