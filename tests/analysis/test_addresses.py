"""Addresses in numerical order."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.analysis.addresses import numerical_order


@settings(deadline=None)  # the first call loads Arrow's compute functions
@given(st.sets(st.ip_addresses()))
def test_addresses_are_ordered_as_numbers_ipv4_first(addresses: set[IPv4Address | IPv6Address]) -> None:
    ips = [str(address) for address in addresses]
    found = [ips[place] for place in numerical_order(pa.array(ips, pa.string()))]
    assert found == sorted(ips, key=lambda ip: (ip_address(ip).version, int(ip_address(ip))))
