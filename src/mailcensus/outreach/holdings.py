"""Who holds what: values told for prefixes, domains and ASes, and the most particular one for a host.

Contact files and grouping files are both of this kind.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mailcensus.population.address import BITS, parse_address

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of a host that could say who holds it."""

    ip: str
    asn: int | None = None
    as_org: str | None = None
    name: str | None = None
    """Its reverse name that points back at it."""
    domain: str | None = None
    """The registered domain of that name."""


@dataclass(slots=True)
class Holdings(Generic[Value]):
    """Values by what they are of. Filled once, then asked."""

    by_asn: dict[int, Value] = field(default_factory=dict)
    by_domain: dict[str, Value] = field(default_factory=dict)
    by_group: dict[str, Value] = field(default_factory=dict)
    _by_prefix: dict[tuple[int, int], dict[int, Value]] = field(default_factory=dict)
    """(IP version, prefix length) to the prefix, shifted to the right, to the value."""

    def put_range(self, version: int, first: int, last: int, value: Value) -> None:
        """Say whose the addresses from `first` to `last` are; what is told first of one prefix stays."""
        for start, length in _prefixes(version, first, last):
            row = self._by_prefix.setdefault((version, length), {})
            row.setdefault(start >> (BITS[version] - length), value)

    def of_address(self, ip: str) -> Value | None:
        """The value of the longest prefix that holds an address."""
        version, number = parse_address(ip)
        return self.of_prefix(version, number, BITS[version])

    def of_prefix(self, version: int, number: int, bits: int) -> Value | None:
        """The value of the longest prefix that holds all of the one so long that an address is in."""
        for length in range(bits, -1, -1):
            row = self._by_prefix.get((version, length))
            if row is not None and (found := row.get(number >> (BITS[version] - length))) is not None:
                return found
        return None

    def of_host(self, host: HostFacts) -> Value | None:
        """By its address, else by its name or the nearest name above it, else by its AS."""
        found = self.of_address(host.ip) if self._by_prefix else None
        if found is None and host.name is not None and self.by_domain:
            found = next(filter(None, map(self.by_domain.get, _above(host.name))), None)
        if found is None and host.asn is not None:
            found = self.by_asn.get(host.asn)
        return found


def _prefixes(version: int, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The fewest prefixes that make a range: start, length. At most two for each bit of an address."""
    address = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    for network in ipaddress.summarize_address_range(address(first), address(last)):
        yield int(network.network_address), network.prefixlen


def _above(name: str) -> Iterator[str]:
    """A name, and each name above it."""
    while name:
        yield name
        name = name.partition(".")[2]
