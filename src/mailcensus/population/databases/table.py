"""What a database says, whatever its format: disjoint ranges of addresses, each with the facts of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import format_address, parse_address
from mailcensus.population.databases.bulk import Keys, keys_of, numbers_of
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """What one row of a database says about its addresses; None where it does not say."""

    country: str | None = None
    """ISO 3166-1 alpha-2, upper case: where the addresses are used."""
    registered_country: str | None = None
    """The same: where a registry has the block."""
    asns: tuple[int, ...] = ()
    """Every AS that announces them, ascending; more than one for multi-origin prefixes and AS sets."""
    as_org: str | None = None
    region: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    anycast: bool | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Which database said so."""

    name: str
    """Name of the file or folder."""
    date: str
    """ISO 8601 date, or year and month where nothing says more."""
    date_basis: str
    """What says the date: `built` (by its own metadata), `dated` (by its name), `modified` (file time alone)."""

    def __str__(self) -> str:
        return f"{self.name}, {self.date_basis} {self.date}"


@dataclass(frozen=True, slots=True)
class Rejects:
    """Rows of a database that could not be used."""

    count: int = 0
    examples: tuple[str, ...] = ()
    """The first of them: line number, what is wrong, and the row."""


@dataclass(frozen=True, slots=True)
class CountryNetworks:
    """A country's addresses by what says so. No address is in both.

    Attributes:
        located: the database says its addresses are used there.
        registered: the database does not say where they are used, only that they are registered there.
    """

    located: PrefixSet
    registered: PrefixSet


@dataclass(frozen=True, slots=True)
class Side:
    """The ranges of one IP version, ascending and disjoint, as parallel arrays."""

    starts: Keys
    lasts: Keys
    """Last address of each, inclusive."""
    facts: NDArray[np.int32]
    """Which of the table's facts holds for each."""
    lengths: NDArray[np.uint8] | None = None
    """Length of the announced prefix each belongs to; None where the database has no announced prefixes."""

    def rows_of(self, keys: Keys) -> NDArray[np.int64]:
        """Which range holds each address; -1 where none does."""
        if not len(self.starts):
            return np.full(len(keys), -1, np.int64)
        rows = np.searchsorted(self.starts, keys, side="right") - 1
        held = (rows >= 0) & (keys <= self.lasts[rows])
        return np.where(held, rows, -1)

    def pairs(self, rows: NDArray[np.bool_]) -> list[tuple[int, int]]:
        """Chosen ranges as [start, stop), neighbours joined."""
        starts, lasts = numbers_of(self.starts[rows]), numbers_of(self.lasts[rows])
        joined: list[tuple[int, int]] = []
        for start, last in zip(starts, lasts, strict=True):
            if joined and joined[-1][1] == start:
                joined[-1] = joined[-1][0], last + 1
            else:
                joined.append((start, last + 1))
        return joined


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a table says about a list of addresses, in their order."""

    table: AddressTable
    rows: NDArray[np.int32]
    """Which of `table.facts` holds for each address; -1 where the table does not hold it."""
    prefixes: list[str | None] | None
    """Announced prefix of each; None where the table has no announced prefixes."""

    def facts(self) -> list[AddressFacts | None]:
        """The facts of each address."""
        facts = [*self.table.facts, None]
        return [facts[row] for row in self.rows.tolist()]

    def known(self) -> int:
        """How many of them the table holds."""
        return int(np.count_nonzero(self.rows >= 0))


@dataclass(frozen=True)
class AddressTable:
    """One address database in memory.

    Attributes:
        origin: which database it is.
        ipv4: ranges; keys are uint32.
        ipv6: ranges; keys are 16 bytes, big-endian (`S16`, whose order is that of the numbers).
        facts: distinct facts, which the ranges point to.
        rejects: rows that could not be used.
    """

    origin: Origin
    ipv4: Side
    ipv6: Side
    facts: tuple[AddressFacts, ...]
    rejects: Rejects = field(default_factory=Rejects)

    @property
    def size(self) -> int:
        """How many ranges it has."""
        return len(self.ipv4.starts) + len(self.ipv6.starts)

    def lookup(self, addresses: Sequence[str]) -> Lookup:
        """What it says about each address. An IPv4-mapped IPv6 address is looked up as the IPv6 address it is.

        Raises:
            ValueError: one of them is no address.
        """
        ipv4, keys4, ipv6, keys6 = keys_of(addresses)
        rows = np.full(len(addresses), -1, np.int32)
        found4, found6 = self.ipv4.rows_of(keys4), self.ipv6.rows_of(keys6)
        rows[ipv4] = _facts_at(self.ipv4, found4)
        rows[ipv6] = _facts_at(self.ipv6, found6)
        return Lookup(self, rows, self._prefixes(addresses, ((ipv4, found4), (ipv6, found6))))

    def lookup_ipv4(self, values: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Which of `facts` holds for each IPv4 address given as a number; -1 where none does."""
        return _facts_at(self.ipv4, self.ipv4.rows_of(values))

    def prefixes_of_country(self, country: str) -> CountryNetworks:
        """The addresses of a country by ISO 3166-1 alpha-2 code, in either case; empty where it has none.

        A row counts by where its addresses are used. Where a row does not say that (satellite and anycast blocks,
        mostly), it counts by where it is registered, and apart.
        """
        code = country.upper()
        return CountryNetworks(
            self._holding([facts.country == code for facts in self.facts]),
            self._holding(
                [facts.country is None and facts.registered_country == code for facts in self.facts]
            ),
        )

    def prefixes_of_as(self, asn: int) -> PrefixSet:
        """The addresses that an AS announces, alone or with others, by longest prefix."""
        return self._holding([asn in facts.asns for facts in self.facts])

    def routed(self) -> PrefixSet:
        """All addresses that some AS announces."""
        return self._holding([bool(facts.asns) for facts in self.facts])

    @cached_property
    def countries(self) -> frozenset[str]:
        """Every country that some row counts for."""
        codes = (facts.country or facts.registered_country for facts in self.facts)
        return frozenset(code for code in codes if code is not None)

    @cached_property
    def has_as(self) -> bool:
        """Whether it knows AS numbers."""
        return any(facts.asns for facts in self.facts)

    @cached_property
    def has_place(self) -> bool:
        """Whether it knows cities or coordinates."""
        return any(facts.city is not None or facts.latitude is not None for facts in self.facts)

    @cached_property
    def has_anycast(self) -> bool:
        """Whether it knows which addresses are anycast."""
        return any(facts.anycast is not None for facts in self.facts)

    def _holding(self, wanted: list[bool]) -> PrefixSet:
        chosen = np.array(wanted, np.bool_)
        if not chosen.any():
            return PrefixSet()
        return PrefixSet(*(Ranges.of(side.pairs(chosen[side.facts])) for side in (self.ipv4, self.ipv6)))

    def _prefixes(
        self, addresses: Sequence[str], found: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
    ) -> list[str | None] | None:
        sides = (self.ipv4, self.ipv6)
        if all(side.lengths is None for side in sides):
            return None
        prefixes: list[str | None] = [None] * len(addresses)
        for side, (places, rows) in zip(sides, found, strict=True):
            if side.lengths is not None:
                for place, row in zip(places.tolist(), rows.tolist(), strict=True):
                    if row >= 0:
                        prefixes[place] = _prefix(addresses[place], int(side.lengths[row]))
        return prefixes


def _facts_at(side: Side, rows: NDArray[np.int64]) -> NDArray[np.int32]:
    if not len(side.facts):
        return np.full(len(rows), -1, np.int32)
    return np.where(rows >= 0, side.facts[rows], np.int32(-1))


def _prefix(address: str, length: int) -> str:
    version, value = parse_address(address)
    bits = 32 if version == 4 else 128
    return f"{format_address(version, value >> (bits - length) << (bits - length))}/{length}"
