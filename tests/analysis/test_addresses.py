"""Addresses in numerical order."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.analysis.addresses import address_numbers


@settings(deadline=None)  # the first call loads Arrow's compute functions
@given(st.sets(st.ip_addresses()))
def test_addresses_are_ordered_as_numbers_ipv4_first(addresses: set[IPv4Address | IPv6Address]) -> None:
    ips = [str(address) for address in addresses]
    found = [ips[place] for place in address_numbers(pa.array(ips, pa.string())).order()]
    assert found == sorted(ips, key=lambda ip: (ip_address(ip).version, int(ip_address(ip))))


@given(st.lists(st.ip_addresses()))
def test_numbers_of_addresses_are_those_that_they_stand_for(
    addresses: list[IPv4Address | IPv6Address],
) -> None:
    read = address_numbers(pa.array(map(str, addresses), pa.string()))
    halves = [
        (int(number) & (1 << 64) - 1, int(low)) for number, low in zip(read.number, read.low, strict=True)
    ]
    assert [high << 64 | low if v6 else high for v6, (high, low) in zip(read.is_v6, halves, strict=True)] == [
        int(address) for address in addresses
    ]
    assert read.is_v6.tolist() == [address.version == 6 for address in addresses]
