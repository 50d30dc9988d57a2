"""The network of an address: its /24 (IPv4) or /48 (IPv6), the unit in which politeness is measured.

Networks are numbers, so that one dict or column holds both kinds: the first bits of the address, and for IPv6 a bit
above all others that sets them apart.
"""

from __future__ import annotations

import numpy as np

from mailcensus.population.address import BITS, format_address
from mailcensus.population.permutation import Indices
from mailcensus.population.prefixes import PrefixSet

IPV4_NETWORK_LENGTH = 24
IPV6_NETWORK_LENGTH = 48

_IPV4_HOST_BITS = BITS[4] - IPV4_NETWORK_LENGTH
_IPV6_HOST_BITS = BITS[6] - IPV6_NETWORK_LENGTH
_IPV6_MARK = 1 << IPV6_NETWORK_LENGTH


def network_of(version: int, value: int) -> int:
    """The number of an address's network."""
    if version == 4:
        return value >> _IPV4_HOST_BITS
    return value >> _IPV6_HOST_BITS | _IPV6_MARK


def first_address(network: int) -> tuple[int, int]:
    """IP version and value of the first address of a network."""
    if network < _IPV6_MARK:
        return 4, network << _IPV4_HOST_BITS
    return 6, (network ^ _IPV6_MARK) << _IPV6_HOST_BITS


def network_text(network: int) -> str:
    """The usual text of a network, e.g. 192.0.2.0/24."""
    version, value = first_address(network)
    length = IPV4_NETWORK_LENGTH if version == 4 else IPV6_NETWORK_LENGTH
    return f"{format_address(version, value)}/{length}"


def networks_in(prefixes: PrefixSet) -> Indices:
    """The networks that have addresses in a set, ascending."""
    pairs = (
        (network_of(version, start), network_of(version, stop - 1) + 1)
        for version, ranges in ((4, prefixes.ipv4), (6, prefixes.ipv6))
        for start, stop in ranges.pairs()
    )
    arrays = [np.arange(first, stop, dtype=np.uint64) for first, stop in pairs]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *arrays]))
