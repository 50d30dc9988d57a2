"""Sets of integers as ranges: the arithmetic under `PrefixSet`, which knows nothing of addresses.

A set is a sorted list of disjoint half-open ranges [start, stop), no two of which touch. Each operation is one
pass over both lists; memory is proportional to the number of ranges, never to what they hold.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ranges:
    """An immutable set of integers. Build it with `Ranges.of`."""

    starts: tuple[int, ...] = ()
    stops: tuple[int, ...] = ()
    offsets: tuple[int, ...] = field(init=False, compare=False, repr=False)
    """How many members lie before each range; one more entry at the end, for all of them."""

    def __post_init__(self) -> None:
        sizes = (stop - start for start, stop in self.pairs())
        object.__setattr__(self, "offsets", tuple(accumulate(sizes, initial=0)))

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Ranges:
        """The union of ranges [start, stop) in any order, overlapping or not; empty ones count for nothing."""
        return cls._joined(sorted(pair for pair in pairs if pair[0] < pair[1]))

    @classmethod
    def _joined(cls, ordered: Iterable[Pair]) -> Ranges:
        starts: list[int] = []
        stops: list[int] = []
        for start, stop in ordered:
            if stops and start <= stops[-1]:
                stops[-1] = max(stops[-1], stop)
            else:
                starts.append(start)
                stops.append(stop)
        return cls(tuple(starts), tuple(stops))

    def pairs(self) -> Iterator[Pair]:
        """The ranges, ascending."""
        return zip(self.starts, self.stops, strict=True)

    @property
    def count(self) -> int:
        """How many integers the set holds."""
        return self.offsets[-1]

    def contains(self, value: int) -> bool:
        """Whether the set holds the integer; logarithmic in the number of ranges."""
        index = bisect_right(self.starts, value) - 1
        return index >= 0 and value < self.stops[index]

    def at(self, index: int) -> int:
        """The member that `index` others precede.

        Raises:
            IndexError: the set holds no so many.
        """
        if not 0 <= index < self.count:
            raise IndexError(index)
        row = bisect_right(self.offsets, index) - 1
        return self.starts[row] + index - self.offsets[row]

    def union(self, other: Ranges) -> Ranges:
        """What is in either set."""
        return self._joined(sorted([*self.pairs(), *other.pairs()]))

    def intersect(self, other: Ranges) -> Ranges:
        """What is in both sets."""
        return self._joined(_overlaps(self, other))

    def minus(self, other: Ranges) -> Ranges:
        """What is in this set and not in the other."""
        return self.intersect(other._complement_up_to(self.stops[-1])) if self.starts else self

    def _complement_up_to(self, end: int) -> Ranges:
        edges = [0, *(edge for pair in self.pairs() for edge in pair), end]
        gaps = list(pairwise(edges))[::2]
        return self._joined((start, stop) for start, stop in gaps if start < stop)


def _overlaps(one: Ranges, two: Ranges) -> Iterator[Pair]:
    a = b = 0
    while a < len(one.starts) and b < len(two.starts):
        start = max(one.starts[a], two.starts[b])
        stop = min(one.stops[a], two.stops[b])
        if start < stop:
            yield start, stop
        if one.stops[a] < two.stops[b]:
            a += 1
        else:
            b += 1
