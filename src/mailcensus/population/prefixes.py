"""Sets of addresses, IPv4 and IPv6 together: union, difference, intersection, membership, counting.

The algebra is that of `ranges.Ranges`, once per IP version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailcensus.population.address import BITS, format_address, parse_address, parse_prefix
from mailcensus.population.ranges import Ranges

_EMPTY = Ranges()

Triple = tuple[int, int, int]
"""IP version, first address, address after the last one: what `parse_prefix` gives."""


@dataclass(frozen=True, slots=True)
class PrefixSet:
    """An immutable set of addresses. Memory is proportional to the number of prefixes."""

    ipv4: Ranges = _EMPTY
    ipv6: Ranges = _EMPTY

    @classmethod
    def of(cls, prefixes: Iterable[str]) -> PrefixSet:
        """The addresses of prefixes such as `192.0.2.0/24`, `2001:db8::/32`, or lone addresses.

        Raises:
            ValueError: one of them is not a prefix.
        """
        return cls.of_parsed(map(parse_prefix, prefixes))

    @classmethod
    def of_parsed(cls, prefixes: Iterable[Triple]) -> PrefixSet:
        """The addresses of (version, start, stop) triples, as `parse_prefix` gives them."""
        pairs: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for version, start, stop in prefixes:
            pairs[version].append((start, stop))
        return cls(Ranges.of(pairs[4]), Ranges.of(pairs[6]))

    @property
    def count(self) -> int:
        """How many addresses the set holds. (`len` would fail beyond 2**63, one IPv6 /65.)"""
        return self.ipv4.count + self.ipv6.count

    def contains(self, ip: str) -> bool:
        """Whether the set holds the address.

        Raises:
            ValueError: not an address.
        """
        return self.contains_value(*parse_address(ip))

    def contains_value(self, version: int, value: int) -> bool:
        """Whether the set holds an address given as `parse_address` gives it."""
        return (self.ipv4 if version == 4 else self.ipv6).contains(value)

    def address_at(self, index: int) -> str:
        """The address that `index` others precede, IPv4 before IPv6, each ascending.

        Raises:
            IndexError: the set holds no so many.
        """
        if index < self.ipv4.count:
            return format_address(4, self.ipv4.at(index))
        return format_address(6, self.ipv6.at(index - self.ipv4.count))

    def blocks(self) -> Iterator[tuple[str, int]]:
        """The fewest prefixes that make up the set, ascending, as text, each with how many addresses it has."""
        for version, ranges in ((4, self.ipv4), (6, self.ipv6)):
            for start, stop in ranges.pairs():
                while start < stop:
                    # A prefix is as long as its start is aligned, and must not reach beyond the end.
                    size = min(start & -start or 1 << BITS[version], 1 << (stop - start).bit_length() - 1)
                    yield f"{format_address(version, start)}/{BITS[version] + 1 - size.bit_length()}", size
                    start += size

    def union(self, other: PrefixSet) -> PrefixSet:
        """Addresses in either set."""
        return PrefixSet(self.ipv4.union(other.ipv4), self.ipv6.union(other.ipv6))

    def intersect(self, other: PrefixSet) -> PrefixSet:
        """Addresses in both sets."""
        return PrefixSet(self.ipv4.intersect(other.ipv4), self.ipv6.intersect(other.ipv6))

    def minus(self, other: PrefixSet) -> PrefixSet:
        """Addresses in this set and not in the other."""
        return PrefixSet(self.ipv4.minus(other.ipv4), self.ipv6.minus(other.ipv6))
