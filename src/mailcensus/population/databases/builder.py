"""Builds a table row by row, and keeps count of the rows that it cannot take."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Hashable
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import format_address
from mailcensus.population.databases.bulk import Keys, ipv4_keys, ipv6_keys, numbers_of, sharing
from mailcensus.population.databases.disjoint import Row, disjoint
from mailcensus.population.databases.table import AddressFacts, AddressTable, Origin, Rejects, Side

_EXAMPLES = 1_000
"""Rejected rows that are kept word by word; all are counted."""
_SHOWN_CHARACTERS = 120


_Kind = TypeVar("_Kind", bound=np.generic)
_Columns = tuple[Keys, Keys, NDArray[np.int32], NDArray[np.uint8]]
"""First addresses, last addresses, facts and prefix lengths of ranges."""


class _Rows:
    """Ranges of one IP version as they come, in columns: a few bytes a row instead of an object each."""

    def __init__(self, version: int) -> None:
        self.kind = np.dtype(np.uint32) if version == 4 else np.dtype("S16")
        self.bytes = 4 if version == 4 else 16
        self.order: Literal["big", "little"] = sys.byteorder if version == 4 else "big"
        self.starts = bytearray()
        self.lasts = bytearray()
        self.facts = array("i")
        self.lengths = array("B")
        self.lines = array("Q")

    def add(self, start: int, last: int, facts: int, length: int, line: int) -> None:
        self.starts += start.to_bytes(self.bytes, self.order)
        self.lasts += last.to_bytes(self.bytes, self.order)
        self.facts.append(facts)
        self.lengths.append(length)
        self.lines.append(line)

    def keys(self) -> tuple[Keys, Keys]:
        return np.frombuffer(self.starts, self.kind), np.frombuffer(self.lasts, self.kind)

    def rows(self, places: NDArray[np.int64]) -> list[Row]:
        starts, lasts = (numbers_of(keys[places]) for keys in self.keys())
        others = [[column[place] for place in places] for column in (self.facts, self.lengths, self.lines)]
        return list(map(Row, starts, lasts, *others))


class TableBuilder:
    """Takes rows; `build` makes the table.

    Attributes:
        file: name of the file that rows come from, where a database has several.
    """

    def __init__(self, *, announced: bool = False) -> None:
        """Start empty.

        Args:
            announced: the rows are announced prefixes, whose length is worth keeping.
        """
        self.file: str | None = None
        self._announced = announced
        self._rows = {version: _Rows(version) for version in (4, 6)}
        self._facts: list[AddressFacts] = []
        self._index: dict[AddressFacts, int] = {}
        self._by_text: dict[Hashable, int] = {}
        self._rejected = 0
        self._examples: list[str] = []

    def facts_of(self, text: Hashable, make: Callable[[], AddressFacts]) -> int:
        """The index of the facts that some text stands for; `make` is asked for each text once."""
        index = self._by_text.get(text)
        if index is None:
            index = self._by_text[text] = self.facts_index(make())
        return index

    def facts_index(self, facts: AddressFacts) -> int:
        """The index of some facts."""
        index = self._index.setdefault(facts, len(self._facts))
        if index == len(self._facts):
            self._facts.append(facts)
        return index

    def add(self, version: int, start: int, last: int, facts: int, *, line: int, length: int = 0) -> None:
        """Take a range, both ends inclusive, with the index of its facts."""
        self._rows[version].add(start, last, facts, length, line)

    def reject(self, line: int, why: str, row: str) -> None:
        """Count a row that cannot be used."""
        self._rejected += 1
        if len(self._examples) < _EXAMPLES:
            file = f"{self.file}, " if self.file else ""
            self._examples.append(f"{file}line {line}: {why}: {row[:_SHOWN_CHARACTERS]!a}")

    def build(self, origin: Origin) -> AddressTable:
        """The table of all rows taken."""
        ipv4, ipv6 = self._side(4), self._side(6)
        rejects = Rejects(self._rejected, tuple(self._examples))
        return AddressTable(origin, ipv4, ipv6, tuple(self._facts), rejects)

    def _side(self, version: int) -> Side:
        taken = self._rows[version]
        columns = (
            *taken.keys(),
            np.frombuffer(taken.facts, np.int32),
            np.frombuffer(taken.lengths, np.uint8),
        )
        starts, lasts = columns[:2]
        if len(starts) > 1 and not bool((starts[1:] > lasts[:-1]).all()):
            columns = self._disjoint(version, taken, columns)
        starts, lasts, facts, lengths = columns
        return Side(starts, lasts, facts, lengths if self._announced else None)

    def _disjoint(self, version: int, taken: _Rows, columns: _Columns) -> _Columns:
        """The columns in order and disjoint. Only rows that share addresses are looked at one by one."""
        shared = sharing(*columns[:2])
        found = disjoint(taken.rows(np.flatnonzero(shared)))
        for row in found.crossing:
            why = "crosses the border of another row, which keeps what both have"
            self.reject(row.line, why, _range_text(version, row))
        for row in found.repeated:
            self.reject(row.line, "stands there already", _range_text(version, row))
        keys = ipv4_keys if version == 4 else ipv6_keys
        pieces = (
            keys([row.start for row in found.rows]),
            keys([row.last for row in found.rows]),
            np.array([row.facts for row in found.rows], np.int32),
            np.array([row.length for row in found.rows], np.uint8),
        )
        order = np.argsort(np.concatenate([columns[0][~shared], pieces[0]]), kind="stable")

        def joined(kept: NDArray[_Kind], made: NDArray[_Kind]) -> NDArray[_Kind]:
            return np.concatenate([kept[~shared], made])[order]

        return (
            joined(columns[0], pieces[0]),
            joined(columns[1], pieces[1]),
            joined(columns[2], pieces[2]),
            joined(columns[3], pieces[3]),
        )


def _range_text(version: int, row: Row) -> str:
    return f"{format_address(version, row.start)}-{format_address(version, row.last)}"
