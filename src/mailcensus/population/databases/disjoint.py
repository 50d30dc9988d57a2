"""Disjoint ranges out of nested ones: where a prefix lies within another, its addresses are its own.

That is longest-prefix match, done once for all addresses instead of at each look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple


class Row(NamedTuple):
    """A range of addresses, both ends inclusive, and what it leads to."""

    start: int
    last: int
    facts: int
    length: int
    """Length of its prefix; 0 where that does not matter."""
    line: int
    """Where the database has it, from 1."""


@dataclass(slots=True)
class Disjoint:
    """What came of it."""

    rows: list[Row] = field(default_factory=list)
    crossing: list[Row] = field(default_factory=list)
    """Ranges that cross the border of another: neither lies within the other. What two such ranges share goes to the
    one that starts first; a range that still crosses another with the rest of it is left out."""
    repeated: list[Row] = field(default_factory=list)
    """Ranges left out because they stood there already."""


def disjoint(rows: Sequence[Row]) -> Disjoint:
    """Ranges of any order as ascending disjoint ones, the inner of two nested ones winning.

    Time is that of sorting; memory is proportional to the rows.
    """
    result = Disjoint()
    result.rows = list(_pieces(sorted(rows, key=_place), result))
    return result


def _place(row: Row) -> tuple[int, int, int]:
    """The outer of two ranges before the inner one, the earlier line of two equal ones first."""
    return row.start, -row.last, row.line


def _pieces(ordered: Sequence[Row], result: Disjoint) -> Iterator[Row]:
    rest: list[
        tuple[tuple[int, int, int], Row]
    ] = []  # what is left of crossing rows: a heap, nearly always empty
    around: list[Row] = []  # what the current address lies in, the outermost first
    shortened: set[int] = set()
    at = 0  # the first address not yet given to anybody
    for row in _merged(ordered, rest):
        while around and around[-1].last < row.start:
            outer = around.pop()
            if at <= outer.last:
                yield _cut(outer, at, outer.last)
                at = outer.last + 1
        if around:
            outer = around[-1]
            if row.last > outer.last:
                if row.line not in shortened:
                    result.crossing.append(row)
                    shortened.add(row.line)
                    shorter = _cut(row, outer.last + 1, row.last)
                    heappush(rest, (_place(shorter), shorter))
                continue
            if (row.start, row.last) == (outer.start, outer.last):
                result.repeated.append(row)
                continue
            if at < row.start:
                yield _cut(outer, at, row.start - 1)
        at = row.start
        around.append(row)
    while around:
        outer = around.pop()
        if at <= outer.last:
            yield _cut(outer, at, outer.last)
            at = outer.last + 1


def _merged(ordered: Sequence[Row], rest: list[tuple[tuple[int, int, int], Row]]) -> Iterator[Row]:
    """All of both in order; the heap grows meanwhile."""
    for row in ordered:
        while rest and rest[0][0] < _place(row):
            yield heappop(rest)[1]
        yield row
    while rest:
        yield heappop(rest)[1]


def _cut(row: Row, start: int, last: int) -> Row:
    return row if (start, last) == (row.start, row.last) else row._replace(start=start, last=last)
