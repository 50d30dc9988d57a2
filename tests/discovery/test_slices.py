"""Cutting the order into slices, their rate, and what engines say."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.discovery.engines import Answer, Heard, check_version
from mailcensus.discovery.masscan import Masscan
from mailcensus.discovery.slices import cut, polite_rate_per_s, prefixes_of
from mailcensus.discovery.zmap import Zmap
from mailcensus.population import load_population
from mailcensus.probe.politeness import AsOf
from mailcensus.study import Settings, StageFailed, Study
from mailcensus.study.sections import DiscoverySection, PolitenessSection


@given(st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_a_range_is_made_up_of_its_prefixes(one: int, two: int) -> None:
    start, stop = sorted((one, two))
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes_of(start, stop)]
    assert len(networks) <= 62
    edges = [(int(network.network_address), int(network.broadcast_address) + 1) for network in networks]
    assert [edge[0] for edge in edges] + [stop] == [start] * (not edges) + [start][: bool(edges)] + [
        edge[1] for edge in edges
    ]


def test_slices_cover_the_order_once_and_keep_ipv6_apart(tmp_path: Path) -> None:
    (tmp_path / "prefixes.txt").write_text("127.1.0.0/23\n::1/128\n")
    told = {"study": {"allow_special": True}, "population": {"prefixes": "prefixes.txt"}}
    population = load_population(Study(tmp_path, Settings.model_validate(told)))
    position, asked = 0, []
    while position < population.order.positions:
        piece = cut(population, position, rate_per_s=10.0, slice_s=7.0)
        assert (piece.first, piece.stop) == (position, min(position + 70, 513))
        asked += [*piece.ipv4, *(ip for _, ip in piece.ipv6)]
        assert all(":" in ip for _, ip in piece.ipv6)
        position = piece.stop
    assert sorted(asked) == sorted(population.addresses())


MOST_PER_S = 80.0


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([f"192.0.{n}.1" for n in range(200)], 80.0),
        ([f"192.0.2.{n}" for n in range(200)], 2.0),  # one /24: what one /24 may get
        ([f"192.0.{n % 4}.{n}" for n in range(200)], 8.0),  # four of them
        ([], 80.0),
    ],
)
def test_no_24_gets_more_than_it_may_over_a_slice(addresses: list[str], expected: float) -> None:
    politeness = PolitenessSection(connections_per_s=100, prefix_connections_per_s=2)
    assert polite_rate_per_s(addresses, MOST_PER_S, politeness) == expected


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (lambda network: 64500, 5.0),  # everybody in one system
        (lambda network: 64500 + network % 2, 10.0),  # in two
        (lambda network: None if network % 4 else 64500, 20.0),  # a quarter in one, the rest in none
        (lambda network: None, 80.0),
    ],
)
def test_no_system_gets_more_than_it_may_over_a_slice(as_of: AsOf, expected: float) -> None:
    politeness = PolitenessSection(connections_per_s=100, prefix_connections_per_s=2, as_connections_per_s=5)
    addresses = [f"192.0.{n}.1" for n in range(200)]
    assert polite_rate_per_s(addresses, MOST_PER_S, politeness, as_of) == expected


def test_what_zmap_says(caplog: pytest.LogCaptureFixture) -> None:
    zmap = Zmap.__new__(Zmap)
    seen_at = datetime(2025, 11, 16, 18, 58, 44, 305_976, UTC)
    line = "10.99.1.25,25,synack,1,1763319524,305976"
    assert zmap.answer(line) == Answer("10.99.1.25", 25, seen_at)
    for other in (
        "saddr,sport,classification,success,timestamp-ts,timestamp-us",
        line.replace("synack,1", "rst,0"),
    ):
        assert zmap.answer(other) is None
    status = (
        " 0:02 57%; send: 201 99 p/s (99 p/s avg); recv: 199 98 p/s (98 p/s avg); drops: 0 p/s (0 p/s avg)"
    )
    assert zmap.heard(status) == Heard(sent=0.57)
    assert caplog.messages == []
    zmap.heard(status.replace("drops: 0 p/s", "drops: 12 p/s"))
    zmap.heard(status.replace("drops: 0 p/s", "drops: 12 p/s"))
    assert [message[:32] for message in caplog.messages] == ["zmap: this machine could not kee"]
    assert zmap.heard("Nov 22 03:52:07.323 [INFO] zmap: completed") == Heard(complete=True)


def test_what_masscan_says() -> None:
    masscan = Masscan.__new__(Masscan)
    assert masscan.answer("open tcp 25 10.99.1.213 1763319524") == Answer(
        "10.99.1.213", 25, datetime(2025, 11, 16, 18, 58, 44, tzinfo=UTC)
    )
    assert masscan.answer("#masscan") is None
    assert masscan.heard("# end") == Heard(complete=True)
    assert masscan.heard("rate:  0.10-kpps, 31.64% done,   0:00:13 remaining, found=81") == Heard(sent=0.3164)
    assert masscan.heard("rate:  0.00-kpps, 100.00% done, waiting -1-secs, found=4") == Heard(1.0, over=True)


def test_versions_that_nobody_tried_are_refused() -> None:
    check_version("zmap", "zmap 4.1.1", (2, 1))
    with pytest.raises(StageFailed, match=r"zmap here is 1\.9, and 2\.1 or newer is needed"):
        check_version("zmap", "zmap 1.9.0", (2, 1))
    with pytest.raises(StageFailed, match="unknown version"):
        check_version("zmap", "", (2, 1))


def test_the_old_name_of_ports_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[discovery]\nport = 2525\n")
    with pytest.raises(Exception, match=r"discovery: port is ports now, a list; write: ports = \[2525\]"):
        Study.open(tmp_path)
    with pytest.raises(ValueError, match="stands there twice"):
        DiscoverySection(ports=(25, 25))
