"""Which entry excludes an address: the first one in the files, as a population counts."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges

_Segment = tuple[int, int, int]
"""Start, stop and owner of a range."""


class Cover:
    """Sets of addresses laid over each other, those of lower numbers on top. Memory as the number of ranges."""

    def __init__(self, sets: Sequence[PrefixSet]) -> None:
        self._segments = {
            4: _segments([some.ipv4 for some in sets]),
            6: _segments([some.ipv6 for some in sets]),
        }
        self._starts = {version: [start for start, _, _ in rows] for version, rows in self._segments.items()}
        self._count = len(sets)

    def owner(self, version: int, value: int) -> int | None:
        """The number of the first set that holds an address; None where none does."""
        row = bisect_right(self._starts[version], value) - 1
        if row < 0:
            return None
        _, stop, owner = self._segments[version][row]
        return owner if value < stop else None

    def shares(self, of: PrefixSet) -> list[int]:
        """How many addresses of another set each set is the first to hold."""
        shares = [0] * self._count
        for version, ranges in ((4, of.ipv4), (6, of.ipv6)):
            for start, stop, owner in self._segments[version]:
                shares[owner] += _members_before(ranges, stop) - _members_before(ranges, start)
        return shares


def _members_before(ranges: Ranges, value: int) -> int:
    """How many members are smaller than a number."""
    row = bisect_right(ranges.starts, value) - 1
    if row < 0:
        return 0
    return ranges.offsets[row] + min(value, ranges.stops[row]) - ranges.starts[row]


def _segments(sets: Sequence[Ranges]) -> list[_Segment]:
    """One pass over all edges, with the sets that are open in a heap by number."""
    begins = sorted((start, stop, owner) for owner, some in enumerate(sets) for start, stop in some.pairs())
    edges = sorted({edge for start, stop, _ in begins for edge in (start, stop)})
    open_sets: list[tuple[int, int]] = []
    segments: list[_Segment] = []
    following = 0
    for start, stop in pairwise(edges):
        while following < len(begins) and begins[following][0] == start:
            heapq.heappush(open_sets, (begins[following][2], begins[following][1]))
            following += 1
        while open_sets and open_sets[0][1] <= start:
            heapq.heappop(open_sets)
        if open_sets:
            segments.append((start, stop, open_sets[0][0]))
    return segments
