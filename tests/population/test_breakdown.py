"""Populations by country, AS and prefix, against counting each address."""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.breakdown import Group, by_as, by_country, by_prefix
from mailcensus.population.databases import AddressTable, open_database
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges

ROWS = """\
0.0.0.8,0.0.0.11,64500,One
0.0.0.12,0.0.0.15,64501,Two
0.0.0.32,0.0.0.40,64500,One
::8,::f,64502,Three
"""
PAIRS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 12)).map(lambda p: (p[0], sum(p))), max_size=5)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> AddressTable:
    path = tmp_path_factory.mktemp("databases") / "as.csv"
    path.write_text(ROWS)
    return open_database(path)


@given(ipv4=PAIRS, ipv6=PAIRS)
def test_groups_are_those_that_one_gets_by_asking_for_each_address(
    table: AddressTable, ipv4: list[tuple[int, int]], ipv6: list[tuple[int, int]]
) -> None:
    population = PrefixSet(Ranges.of(ipv4), Ranges.of(ipv6))
    addresses = [population.address_at(index) for index in range(population.count)]
    expected: Counter[str | None] = Counter()
    for facts in table.lookup(addresses).facts() if addresses else []:
        expected[f"AS{facts.asns[0]}" if facts else None] += 1
    assert {group.name: group.count for group in by_as(population, table)} == expected


def test_groups_come_most_first_and_the_unknown_last(table: AddressTable) -> None:
    assert by_as(PrefixSet.of(["0.0.0.0/26", "::e/127"]), table) == [
        Group("AS64500", 13, "One"),
        Group("AS64501", 4, "Two"),
        Group("AS64502", 2, "Three"),
        Group(None, 64 - 17, None),
    ]
    assert by_as(PrefixSet(), table) == []


def test_countries_are_where_addresses_are_used_or_else_registered(tmp_path: Path) -> None:
    path = tmp_path / "countries.csv"
    path.write_text("0.0.0.0,0.0.0.7,IE\n0.0.0.8,0.0.0.9,MT\n")
    assert by_country(PrefixSet.of(["0.0.0.4/30", "0.0.0.8/29"]), open_database(path)) == [
        Group("IE", 4),
        Group("MT", 2),
        Group(None, 6),
    ]


@given(ipv4=PAIRS, ipv6=PAIRS)
def test_prefixes_are_the_fewest_that_make_up_the_population(
    ipv4: list[tuple[int, int]], ipv6: list[tuple[int, int]]
) -> None:
    population = PrefixSet(Ranges.of(ipv4), Ranges.of(ipv6))
    groups = by_prefix(population)
    assert PrefixSet.of(group.name or "" for group in groups) == population
    assert sum(group.count for group in groups) == population.count
    networks = [ipaddress.ip_network(group.name or "") for group in groups]
    for version in (ipaddress.IPv4Network, ipaddress.IPv6Network):
        some = [network for network in networks if isinstance(network, version)]
        assert len(some) == len(list(ipaddress.collapse_addresses(some)))


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "::/0", "255.255.255.255/32", "8000::/1"])
def test_the_widest_and_the_last_prefixes_are_themselves(prefix: str) -> None:
    population = PrefixSet.of([prefix])
    assert by_prefix(population) == [Group(prefix, population.count)]
