"""Sets of addresses against the `ipaddress` module on sets small enough to list."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.prefixes import PrefixSet

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def small_networks() -> st.SearchStrategy[Network]:
    """Networks of up to 32 addresses that often overlap or touch."""
    ipv4 = st.tuples(st.integers(0, 127), st.integers(27, 32)).map(
        lambda drawn: ipaddress.ip_network((0xC0000200 + drawn[0], drawn[1]), strict=False)
    )
    ipv6 = st.tuples(st.integers(0, 127), st.integers(123, 128)).map(
        lambda drawn: ipaddress.ip_network(((0x20010DB8 << 96) + drawn[0], drawn[1]), strict=False)
    )
    return ipv4 | ipv6


NETWORKS = st.lists(small_networks(), max_size=8)


def addresses(networks: list[Network]) -> set[str]:
    return {str(address) for network in networks for address in network}


def listed(prefixes: PrefixSet) -> list[str]:
    return [prefixes.address_at(index) for index in range(prefixes.count)]


@pytest.mark.slow
@given(NETWORKS, NETWORKS)
def test_set_algebra_is_that_of_the_addresses(one: list[Network], two: list[Network]) -> None:
    a, b = PrefixSet.of(map(str, one)), PrefixSet.of(map(str, two))
    assert set(listed(a.union(b))) == addresses(one) | addresses(two)
    assert set(listed(a.minus(b))) == addresses(one) - addresses(two)
    assert set(listed(a.intersect(b))) == addresses(one) & addresses(two)
    assert all(a.contains(ip) == (ip in addresses(one)) for ip in addresses(one) | addresses(two))


@given(NETWORKS)
def test_every_address_has_one_index_ipv4_first_and_ascending(networks: list[Network]) -> None:
    expected = sorted(
        addresses(networks), key=lambda ip: (ipaddress.ip_address(ip).version, int(ipaddress.ip_address(ip)))
    )
    assert listed(PrefixSet.of(map(str, networks))) == expected


def test_a_set_may_be_larger_than_any_list() -> None:
    everything = PrefixSet.of(["0.0.0.0/0", "::/0"])
    assert everything.count == 2**32 + 2**128
    assert everything.address_at(everything.count - 1) == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert everything.minus(everything) == PrefixSet()


def test_an_ipv4_address_is_not_the_ipv6_address_of_the_same_number() -> None:
    assert not PrefixSet.of(["0.0.0.0/0"]).contains("::1")
