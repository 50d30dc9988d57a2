"""Small studies of domains by hand: unknown is never no, and whoever opted out is named nowhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailcensus.analysis.evidence import gather
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Domain, ExchangeState, Host, MailState, Mx, Run

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SPECS = {spec.name: spec for spec in MAIL_DOMAIN_TABLES}


def exchange(
    domain: str, name: str, preference: int, *ips: str, state: ExchangeState = ExchangeState.OK
) -> Mx:
    return Mx(
        run_id="r",
        domain=domain,
        preference=preference,
        exchange=name,
        state=state,
        addresses=ips,
        asked_at=NOW,
    )


def rows(
    data: Path,
    records: list[Mx],
    hosts: list[Host],
    name: str,
    left_out: tuple[str, ...] = (),
    home: str | None = "US",
) -> list[Any]:
    domains = sorted({record.domain for record in records})
    settings = json.dumps({"domains": {"home_country": home}})
    run = Run(
        run_id="r", stage="resolve", started_at=NOW, ended_at=NOW, vantage="t", mailcensus_version="1",
        settings_json=settings,
    )  # fmt: skip
    PartWriter(data, "runs", Run).write([run])
    PartWriter(data, "mx", Mx).write(records)
    PartWriter(data, "hosts", Host).write(hosts)
    listed = [
        Domain(
            run_id="r", domain=one, as_given=one, position=place, groups={}, mail=MailState.MX, asked_at=NOW
        )
        for place, one in enumerate(domains)
    ]
    PartWriter(data, "domains", Domain).write(listed)
    found: list[Any] = rows_of(SPECS[name], gather(Dataset(data, left_out))).to_pylist()
    return found


def host(ip: str, **facts: Any) -> Host:
    return Host(run_id="r", ip=ip, looked_up_at=NOW, **facts)


def units(found: list[Any], level: str) -> dict[int, tuple[int, int]]:
    return {row["units"]: (row["domains"], row["incomplete"]) for row in found if row["level"] == level}


def test_an_exchange_that_nobody_answered_for_leaves_a_domain_incomplete(tmp_path: Path) -> None:
    records = [
        exchange("a.example", "mx1.a.example", 10, "100.1.0.1"),
        exchange("a.example", "mx2.a.example", 20, state=ExchangeState.TIMEOUT),
        exchange("b.example", "mx.b.example", 10, "100.1.0.2"),
        exchange("b.example", "gone.b.example", 20, state=ExchangeState.NXDOMAIN),
    ]
    assert units(rows(tmp_path, records, [], "redundancy"), "address") == {1: (2, 1)}


def test_an_anycast_address_has_no_location_and_a_private_one_is_no_server(tmp_path: Path) -> None:
    records = [
        exchange("a.example", "mx.a.example", 10, "100.1.0.1", "100.1.0.2"),
        exchange("b.example", "mx.b.example", 10, "10.0.0.1"),
    ]
    place = {"country": "US", "latitude": 1.0, "longitude": 2.0}
    hosts = [
        host("100.1.0.1", anycast=True, **place),
        host("100.1.0.2", anycast=False, **place),
        host("10.0.0.1"),
    ]
    found = rows(tmp_path, records, hosts, "redundancy")
    assert units(found, "location") == {1: (1, 1)}
    assert units(found, "address") == {2: (1, 0)}


def test_who_opted_out_since_is_named_nowhere(tmp_path: Path) -> None:
    records = [exchange("a.example", "mx.a.example", 10, "100.1.0.1", "100.2.0.2")]
    found = rows(tmp_path, records, [], "shared_fate", left_out=("100.1.0.1",))
    assert [row["unit"] for row in found if row["level"] == "address"] == ["100.2.0.2"]


def test_a_domain_loses_mail_with_what_all_its_servers_share(tmp_path: Path) -> None:
    records = [
        exchange("a.example", "mx.a.example", 10, "100.1.0.1"),
        exchange("a.example", "mx.other.example", 20, "100.2.0.1"),
        exchange("b.example", "mx.other.example", 10, "100.2.0.1"),
    ]
    hosts = [host("100.1.0.1", asn=1), host("100.2.0.1", asn=2)]
    found = rows(tmp_path, records, hosts, "shared_fate")
    told = {row["unit"]: (row["lost"], row["first"], row["domains"]) for row in found if row["level"] == "as"}
    assert told == {"1": (0, 1, 1), "2": (1, 1, 2)}


def test_without_a_home_country_nothing_is_foreign_or_domestic(tmp_path: Path) -> None:
    records = [exchange("a.example", "mx.a.example", 10, "100.1.0.1")]
    hosts = [host("100.1.0.1", country="US", latitude=1.0, longitude=2.0)]
    assert rows(tmp_path / "abroad", records, hosts, "mail_abroad", home=None) == []
    (country,) = [
        row
        for row in rows(tmp_path / "c", records, hosts, "server_countries", home=None)
        if row["group"] == "all"
    ]
    assert (country["country"], country["foreign"]) == ("US", None)
    (rank,) = rows(tmp_path / "r", records, hosts, "preference_ranks", home=None)
    assert rank["foreign"] is None
    totals = {
        row["quantity"]: row["ours"] for row in rows(tmp_path / "t", records, hosts, "mail_totals", home=None)
    }
    assert [totals[name] for name in ("domestic_rows", "foreign_rows", "locations")] == [None, None, 1]
