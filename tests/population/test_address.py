"""Addresses and prefixes against the `ipaddress` module, which is slower and knows the same."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.address import format_address, parse_address, parse_prefix, reached_address


@given(st.ip_addresses())
def test_an_address_is_read_and_written_as_ipaddress_does(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert parse_address(str(address)) == (address.version, int(address))
    if address.version == 4 or int(address) >> 48:  # inet_ntop writes ::1.2.3.4 and ::ffff:1.2.3.4 with dots
        assert format_address(address.version, int(address)) == str(address)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_prefix_holds_what_ipaddress_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int
) -> None:
    length = min(length, address.max_prefixlen)
    network = ipaddress.ip_network((address, length), strict=False)
    expected = (network.version, int(network[0]), int(network[-1]) + 1)
    assert parse_prefix(str(network)) == expected
    assert parse_prefix(f"{address}/{length}", widen=True) == expected


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        version, value = parse_address(text)
    except ValueError:
        return
    assert (version, value) == (ipaddress.ip_address(text).version, int(ipaddress.ip_address(text)))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mail.example.org", "not an IPv4 or IPv6 address"),
        ("192.0.2", "not an IPv4 or IPv6 address"),
        ("192.0.2.01", "not an IPv4 or IPv6 address"),
        ("fe80::1%eth0", "not an IPv4 or IPv6 address"),
        ("192.0.2.0/33", "the length after / must be 0 to 32"),
        ("192.0.2.0/", "the length after / must be 0 to 32"),
        ("192.0.2.0/255.255.255.0", "the length after / must be 0 to 32"),
        ("192.0.2.0/\N{SUPERSCRIPT TWO}", "the length after / must be 0 to 32"),
        ("2001:db8::/129", "the length after / must be 0 to 128"),
        ("192.0.2.7/24", "write 192.0.2.0/24 for the network or 192.0.2.7 for the host"),
    ],
)
def test_what_is_no_prefix_is_refused_with_the_mend(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_prefix(text)


def test_an_ipv4_mapped_address_reaches_the_ipv4_address_in_it() -> None:
    assert reached_address(*parse_address("::ffff:192.0.2.1")) == parse_address("192.0.2.1")
    assert reached_address(*parse_address("2001:db8::1")) == parse_address("2001:db8::1")
