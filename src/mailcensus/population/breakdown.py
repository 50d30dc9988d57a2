"""A population by country, by AS and by prefix: how many addresses each has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mailcensus.population.databases import AddressFacts, AddressTable
from mailcensus.population.databases.bulk import Keys, ipv4_keys, ipv6_keys, numbers_of
from mailcensus.population.databases.table import Side
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges


@dataclass(frozen=True, slots=True)
class Group:
    """Some addresses of a population that have something in common."""

    name: str | None
    """None: the database does not say."""
    count: int
    note: str | None = None
    """What else there is to say, such as the name of an AS."""


def by_country(population: PrefixSet, table: AddressTable) -> list[Group]:
    """Addresses by country, most first: where they are used, or else registered; each counts once."""
    counts: Counter[str | None] = Counter({None: population.count})
    for facts, count in _by_facts(population, table):
        counts[facts.country or facts.registered_country] += count
        counts[None] -= count
    return _most_first([Group(name, count) for name, count in counts.items()])


def by_as(population: PrefixSet, table: AddressTable) -> list[Group]:
    """Addresses by AS, most first; those that several ASes announce count for each of them."""
    counts: Counter[int] = Counter()
    names: dict[int, str | None] = {}
    unknown = population.count
    for facts, count in _by_facts(population, table):
        unknown -= count if facts.asns else 0
        for asn in facts.asns:
            counts[asn] += count
            names.setdefault(asn, facts.as_org if len(facts.asns) == 1 else None)
    groups = [Group(f"AS{asn}", count, names[asn]) for asn, count in counts.items()]
    return _most_first([*groups, Group(None, unknown)])


def by_prefix(population: PrefixSet) -> list[Group]:
    """The fewest prefixes that make up the population, widest first."""
    return _most_first([Group(text, count) for text, count in population.blocks()])


def _by_facts(population: PrefixSet, table: AddressTable) -> Iterator[tuple[AddressFacts, int]]:
    """What the table says about addresses of the population, and about how many; several times the same, maybe."""
    sides = (
        (population.ipv4, table.ipv4, ipv4_keys),
        (population.ipv6, table.ipv6, ipv6_keys),
    )
    for ranges, side, keys in sides:
        if ranges.count and len(side.facts):
            for row, count in _overlaps(ranges, side, keys):
                yield table.facts[row], count


def _overlaps(ranges: Ranges, side: Side, keys: Callable[[Sequence[int]], Keys]) -> Iterator[tuple[int, int]]:
    """The facts of every overlap of ranges with rows of a table, and its size."""
    firsts = np.searchsorted(side.lasts, keys(ranges.starts), side="left")
    ends = np.searchsorted(side.starts, keys([stop - 1 for stop in ranges.stops]), side="right")
    for start, stop, first, end in zip(
        ranges.starts, ranges.stops, firsts.tolist(), ends.tolist(), strict=True
    ):
        rows = slice(first, end)
        bounds = numbers_of(side.starts[rows]), numbers_of(side.lasts[rows]), side.facts[rows].tolist()
        for row_start, row_last, facts in zip(*bounds, strict=True):
            yield facts, min(stop, row_last + 1) - max(start, row_start)


def _most_first(groups: list[Group]) -> list[Group]:
    """Groups that have addresses, most first; what is unknown comes last."""
    some = [group for group in groups if group.count]
    return sorted(some, key=lambda group: (group.name is None, -group.count, group.name or ""))
