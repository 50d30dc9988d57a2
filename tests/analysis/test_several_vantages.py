"""Vantages beside each other, counted by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Outcome, Run
from observations import START, grab

Networks = Sequence[Sequence[Outcome]]
"""Outcomes by network and host."""
OK, SILENT, LATER = Outcome.OK, Outcome.TIMEOUT, Outcome.RATE_LIMITED


def table(
    data: Path, vantages: str, asked: Mapping[tuple[str, str], Networks]
) -> dict[tuple[str, str], dict[str, Any]]:
    grabs: list[Grab] = []
    for place, ((vantage, service), networks) in enumerate(asked.items()):
        for number, outcomes in enumerate(networks):
            for host, outcome in enumerate(outcomes):
                ip = (
                    f"10.{place}.{number}.{host}"
                    if number % 2
                    else f"2001:db8:{place}{number:02}::{host + 1:x}"
                )
                grabs.append(replace(grab(0, service, outcome), vantage=vantage, ip=ip))
    again = [replace(one, attempt=2, outcome=OK) for one in grabs if one.outcome is LATER]
    write(data, vantages, [*grabs, *again])
    return found_in(data)


def write(data: Path, vantages: str, grabs: Sequence[Grab]) -> None:
    PartWriter(data, "grabs", Grab).write(grabs)
    run = Run(
        run_id="r", stage="collect", started_at=START, ended_at=START, vantage=vantages, mailcensus_version="0",
        settings_json="{}",
    )  # fmt: skip
    PartWriter(data, "runs", Run).write([run])


def found_in(data: Path) -> dict[tuple[str, str], dict[str, Any]]:
    (spec,) = (spec for spec in TABLES if spec.name == "vantage_services")
    rows = rows_of(spec, gather(Dataset(data))).to_pylist()
    return {(row["vantage"], row["service"]): row for row in rows}


def drawn(seed: int, share: float, networks: int = 40) -> list[list[Outcome]]:
    """Networks whose hosts are alike: nearly all of one answer, or nearly none."""
    chance = random.Random(seed)
    found = []
    for _ in range(networks):
        likely = 0.95 if chance.random() < share else 0.05
        found.append([OK if chance.random() < likely else SILENT for _ in range(chance.randint(1, 9))])
    return found


def share_and_variance(networks: Networks) -> tuple[float, float]:
    """By the book: the ratio of two totals, networks drawn with replacement."""
    hosts, ok = [len(one) for one in networks], [one.count(OK) for one in networks]
    share = sum(ok) / sum(hosts)
    squares = sum((a - share * m) ** 2 for a, m in zip(ok, hosts, strict=True)) / (len(networks) - 1)
    return share, squares / fmean(hosts) ** 2 / len(networks)


def test_each_vantage_stands_beside_all_others_service_by_service(tmp_path: Path) -> None:
    asked = {
        ("north", "smtp"): [[OK, SILENT], [LATER, OK]],
        ("south", "smtp"): [[OK], [OK, SILENT, SILENT]],
        ("west", "smtp"): [[OK, OK]],
        ("north", "ssh"): [[OK]],
    }
    found = table(tmp_path, "north, south, west", asked)
    assert sorted(found) == [("north", "smtp"), ("south", "smtp"), ("west", "smtp")]
    north = found["north", "smtp"]
    counts = [north[name] for name in ("networks", "hosts", "ok", "timeouts", "rate_limited")]
    assert counts == [2, 4, 3, 1, 0], "the last attempt counts"
    assert (north["share"], north["others_share"], north["difference"]) == pytest.approx(
        (3 / 4, 4 / 6, 1 / 12)
    )
    assert (north["low"], north["high"], north["differs"]) == (None, None, None), "too few networks to tell"


def test_the_interval_is_that_of_drawing_networks(tmp_path: Path) -> None:
    asked = {("north", "smtp"): drawn(1, 0.5), ("south", "smtp"): drawn(2, 0.9)}
    row = table(tmp_path, "north, south", asked)["north", "smtp"]
    (north, its), (south, others) = (share_and_variance(networks) for networks in asked.values())
    half = 1.959963984540054 * sqrt(its + others)
    assert (row["low"], row["high"]) == pytest.approx((north - south - half, north - south + half))
    assert row["differs"]


def test_where_vantages_see_the_same_nineteen_of_twenty_do_not_differ(tmp_path: Path) -> None:
    asked = {
        (vantage, str(service)): drawn(100 * side + service, 0.6)
        for side, vantage in enumerate(("north", "south"))
        for service in range(30)
    }
    found = table(tmp_path, "north, south", asked)
    differing = sum(row["differs"] for (vantage, _), row in found.items() if vantage == "north")
    assert differing <= 4


def test_where_one_machine_asked_everybody_there_is_nothing_to_compare(tmp_path: Path) -> None:
    assert table(tmp_path, "north", {("north", "smtp"): [[OK]]}) == {}


SAME_NETWORK = [
    ("2001:db8::1", "2001:db8:0:1::"),
    ("2001:db8::1", "2001:db8:0:1:2:3:4:5"),
    ("2001:db8:1::1", "2001:db8:1:ffff::"),
    ("2001::1", "2001:0:0:1::1"),
    ("10.1.2.3", "10.1.2.255"),
]
OTHER_NETWORK = [
    ("2001:db8:1::1", "2001:db8::1"),
    ("2001::1:2:3:4:5", "2001:0:1::"),
    ("2001:db8:a::", "2001:db8::a:0:0"),
    ("10.1.2.3", "10.1.22.3"),
]


def test_a_network_is_one_however_its_addresses_are_written(tmp_path: Path) -> None:
    pairs = {f"{number:02}": pair for number, pair in enumerate([*SAME_NETWORK, *OTHER_NETWORK])}
    asked = [
        replace(grab(0, service), vantage=vantage, ip=ip)
        for service, pair in pairs.items()
        for vantage, ips in (("north", pair), ("south", ["192.0.2.1"]))
        for ip in ips
    ]
    write(tmp_path, "north, south", asked)
    found = found_in(tmp_path)
    assert {pair: found["north", service]["networks"] for service, pair in pairs.items()} == (
        dict.fromkeys(SAME_NETWORK, 1) | dict.fromkeys(OTHER_NETWORK, 2)
    )
