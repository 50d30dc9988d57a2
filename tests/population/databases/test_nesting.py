"""Nested prefixes and ranges against `ipaddress` and brute force."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.population.databases import open_database
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.disjoint import Row, disjoint
from mailcensus.population.databases.table import AddressFacts, Origin

ORIGIN = Origin("hand-made", "2026-11-22", "dated")
BASE = {4: int(IPv4Address("192.0.2.0")), 6: int(IPv6Address("2001:db8::ff00"))}
Network = IPv4Network | IPv6Network
PLACES = st.integers(0, 255)


@st.composite
def prefixes(draw: st.DrawFn) -> tuple[int, int, int]:
    """IP version, first address and length, all within 256 addresses."""
    version = draw(st.sampled_from((4, 6)))
    free = draw(st.integers(0, 8))
    start = BASE[version] + (draw(PLACES) >> free << free)
    return version, start, (32 if version == 4 else 128) - free


@pytest.mark.slow
@settings(max_examples=40)
@given(st.dictionaries(prefixes(), st.integers(1, 9), max_size=20), st.lists(PLACES, max_size=20))
def test_the_longest_prefix_wins(announced: dict[tuple[int, int, int], int], at: list[int]) -> None:
    builder = TableBuilder(announced=True)
    networks = {}
    for line, ((version, start, length), asn) in enumerate(announced.items(), start=1):
        network = ip_network((start, length))
        networks[network] = asn
        facts = builder.facts_index(AddressFacts(asns=(asn,)))
        builder.add(version, start, int(network.broadcast_address), facts, line=line, length=length)
    table = builder.build(ORIGIN)
    addresses = [
        str(type(ip_address(base))(base + place)) for base in BASE.values() for place in (*at, 0, 255)
    ]
    lookup = table.lookup(addresses)
    for address, facts, prefix in zip(addresses, lookup.facts(), lookup.prefixes or [], strict=True):
        around = [
            n for n in networks if n.version == ip_address(address).version and ip_address(address) in n
        ]
        best = max(around, key=lambda network: network.prefixlen, default=None)
        assert prefix == (None if best is None else str(best))
        assert facts == (None if best is None else AddressFacts(asns=(networks[best],)))
    for asn in range(1, 10):
        expected = sum(_owner(networks, version, place) == asn for version in BASE for place in range(256))
        assert table.prefixes_of_as(asn).count == expected
    routed = sum(_owner(networks, version, place) is not None for version in BASE for place in range(256))
    assert table.routed().count == routed


def _owner(networks: dict[Network, int], version: int, place: int) -> int | None:
    address = ip_address(BASE[version] + place)
    around = [n for n in networks if n.version == version and address in n]
    return networks[max(around, key=lambda network: network.prefixlen)] if around else None


@given(st.lists(st.tuples(PLACES, PLACES), max_size=25))
def test_whatever_the_ranges_pieces_are_disjoint_and_nothing_is_lost(ranges: list[tuple[int, int]]) -> None:
    rows = [Row(min(pair), max(pair), n, 0, n) for n, pair in enumerate(ranges)]
    found = disjoint(rows)
    pieces = found.rows
    assert all(before.last < after.start for before, after in pairwise(pieces))
    inside = {row.line: set(range(row.start, row.last + 1)) for row in rows}
    given_away: set[int] = set()
    for piece in pieces:
        addresses = set(range(piece.start, piece.last + 1))
        assert addresses <= inside[piece.line]
        given_away |= addresses
    crossing = {row.line for row in found.crossing}
    complete = [row for row in rows if row.line not in crossing]
    assert given_away >= set().union(*(inside[row.line] for row in complete))


def test_what_two_crossing_ranges_share_stays_with_the_first_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "asn.csv"
    path.write_text(
        "214.95.0.0,215.0.255.255,749,DoD\n215.0.0.0,215.1.3.255,721,DoD\n215.1.4.0,215.1.4.255,27066,DoD\n"
    )
    table = open_database(path)
    found = table.lookup(["215.0.0.1", "215.1.0.0", "215.1.4.0"]).facts()
    assert [facts.asns if facts else None for facts in found] == [(749,), (721,), (27066,)]
    assert table.rejects.examples == (
        "line 2: crosses the border of another row, which keeps what both have: '215.0.0.0-215.1.3.255'",
    )
