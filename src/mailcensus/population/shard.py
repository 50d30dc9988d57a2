"""Shards: the part of a population that one of several vantages asks.

A /24 (IPv4) or /48 (IPv6) is in one shard as a whole, so every limit per prefix holds without the vantages having to
talk to each other. Which shard a network is in follows from its number and the count of shards alone: not from the
seed, the population or the exclusions. So vantages whose lists differ by a day never ask the same network twice, and
all shards of one count are disjoint and together the whole. Where networks have owners, a shard has all that one owner
has, and follows from the owner's number instead.

Shards are equal up to chance: of m networks, shard i of n gets m / n give or take the square root of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import BITS
from mailcensus.population.network import IPV4_NETWORK_LENGTH, IPV6_NETWORK_LENGTH, network_of
from mailcensus.population.permutation import Indices, mixed
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Pair, Ranges

_KEY = np.uint64(0x6D61696C73686172)  # "mailshar": any number will do, but it must never change
_IPV4_HOST_BITS = np.uint64(BITS[4] - IPV4_NETWORK_LENGTH)
_IPV6_NETWORK = 1 << (BITS[6] - IPV6_NETWORK_LENGTH)
_PIECES = 1 << 18
MOST_SHARDS = 1 << 16
_HALF_WORD = np.uint64(32)


Owners = Callable[[Indices], Indices]
"""Of each network (`population.network`) the number of who has it; whose they have it, are in one shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number` (from 1) of `count`."""

    number: int
    count: int
    owners: Owners | None = None
    """None: each network is on its own."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "2/8".

        Raises:
            ValueError: it is no such thing.
        """
        number, _, count = text.partition("/")
        if _is_number(number) and _is_number(count) and 1 <= int(number) <= int(count) <= MOST_SHARDS:
            return cls(int(number), int(count))
        raise ValueError(f'{text!a} is no shard; write "2/8" for the second of eight (at most {MOST_SHARDS})')

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, population: PrefixSet) -> PrefixSet:
        """The addresses of a population that are in this shard. Memory grows with its /24s and /48s."""
        if self.count == 1:
            return population
        return PrefixSet(
            Ranges.of(pair for pairs in self._ipv4(population.ipv4) for pair in pairs),
            Ranges.of(self._ipv6(population.ipv6)),
        )

    def _ipv4(self, ranges: Ranges) -> Iterator[Iterator[Pair]]:
        """The ranges cut at /24s, so many at a time, those of this shard."""
        starts, stops = np.array(ranges.starts, np.uint64), np.array(ranges.stops, np.uint64)
        shift = _IPV4_HOST_BITS
        first = starts >> shift
        counts = ((stops - np.uint64(1)) >> shift) - first + np.uint64(1)
        ends = np.cumsum(counts, dtype=np.uint64)
        for begin in range(0, int(ends[-1]) if len(ends) else 0, _PIECES):
            pieces = np.arange(begin, min(begin + _PIECES, int(ends[-1])), dtype=np.uint64)
            rows = np.searchsorted(ends, pieces, side="right")
            networks = first[rows] + (pieces - (ends[rows] - counts[rows]))
            mine = self._has(networks)
            networks, rows = networks[mine], rows[mine]
            low = np.maximum(networks << shift, starts[rows])
            high = np.minimum((networks + np.uint64(1)) << shift, stops[rows])
            yield zip(low.tolist(), high.tolist(), strict=True)

    def _ipv6(self, ranges: Ranges) -> list[Pair]:
        pieces = [piece for pair in ranges.pairs() for piece in _cut(pair, _IPV6_NETWORK)]
        networks = np.array([network_of(6, low) for low, _ in pieces], np.uint64)
        return [pieces[row] for row in np.flatnonzero(self._has(networks)).tolist()]

    def _has(self, networks: Indices) -> NDArray[np.bool_]:
        drawn = networks if self.owners is None else self.owners(networks)
        places = (mixed(drawn, _KEY) * np.uint64(self.count)) >> _HALF_WORD
        mine: NDArray[np.bool_] = places == np.uint64(self.number - 1)
        return mine


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MOST_SHARDS))


def _cut(pair: Pair, step: int) -> Iterator[Pair]:
    """A range cut at the multiples of a step."""
    start, stop = pair
    while start < stop:
        end = min(stop, (start // step + 1) * step)
        yield start, end
        start = end
