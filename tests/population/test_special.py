"""The special-purpose table: against `ipaddress`, and row by row."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.special import SPECIAL_PURPOSE, is_special


@pytest.mark.parametrize("row", SPECIAL_PURPOSE, ids=lambda row: row.prefix)
def test_the_first_and_last_address_of_each_row_are_special(row: tuple[str, str, str]) -> None:
    network = ipaddress.ip_network(row[0])
    assert is_special(str(network[0]))
    assert is_special(str(network[-1]))
    assert re.fullmatch(r"RFC \d+( section [\d.]+)?", row[2])


@given(st.ip_addresses())
def test_what_ipaddress_knows_as_not_global_is_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast:
        assert is_special(str(address))


@given(st.ip_addresses(v=4))
def test_other_ipv4_addresses_are_not_special(address: ipaddress.IPv4Address) -> None:
    global_but_special = [row.prefix for row in SPECIAL_PURPOSE if ipaddress.ip_network(row.prefix).is_global]
    if address.is_global and not address.is_multicast:
        inside = any(address in ipaddress.ip_network(prefix) for prefix in global_but_special)
        assert is_special(str(address)) == inside


@pytest.mark.parametrize(
    "ip", ["8.8.8.8", "1.1.1.1", "193.1.1.1", "2a00:1450::1", "2600::1", "223.255.255.255"]
)
def test_addresses_of_somebody_are_not_special(ip: str) -> None:
    assert not is_special(ip)


@pytest.mark.parametrize("ip", ["127.0.0.1", "224.0.0.1", "255.255.255.255", "::ffff:8.8.8.8", "3fff::1"])
def test_addresses_of_nobody_are_special(ip: str) -> None:
    assert is_special(ip)
