"""What the configured databases say of many addresses, as columns of `hosts`.

For country, for AS, for place and for anycast, the first database that knows an address counts, and its name and date
stand beside what it says. The announced prefix comes from the first database that has such a thing at all; the name
of an AS from another database where the one that names the AS has no names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mailcensus.model import Host, schema_of
from mailcensus.population.databases import AddressFacts, AddressTable, Lookup, open_database
from mailcensus.study import Study

_SCHEMA = schema_of(Host)
_NOBODY: tuple[str | None, int] = (None, -1)
Rows = NDArray[np.int64]
"""One number per address: which of all facts of all databases; -1: none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Facts that come together, out of one database."""

    name: str
    columns: tuple[str, ...]
    source: str
    """The column that names the database."""
    knows: Callable[[AddressFacts], bool]


_AS = "as"
_OFFSET_MAX = 2**31 - 1

KINDS = (
    Kind(
        "country",
        ("country", "registered_country"),
        "country_source",
        lambda facts: facts.country is not None or facts.registered_country is not None,
    ),
    Kind(_AS, ("asn", "asns", "as_org"), "as_source", lambda facts: bool(facts.asns)),
    Kind(
        "place",
        ("region", "city", "latitude", "longitude"),
        "location_source",
        lambda facts: facts.city is not None or facts.latitude is not None,
    ),
    Kind("anycast", ("anycast",), "anycast_source", lambda facts: facts.anycast is not None),
)


@dataclass(frozen=True)
class Databases:
    """The address databases of a study."""

    tables: tuple[AddressTable, ...]

    @classmethod
    def of_study(cls, study: Study) -> Databases:
        """Read them.

        Raises:
            StudyError: one cannot be read.
        """
        return cls(tuple(open_database(study.path(path)) for path in study.settings.facts.databases))

    @property
    def identity(self) -> str:
        """Which databases of which date these are; another text where one has changed."""
        return "; ".join(f"{table.origin}, {table.size:,} ranges" for table in self.tables)

    def columns_of(self, ips: Sequence[str]) -> dict[str, pa.Array]:
        """The columns of `hosts` that databases fill, for addresses in their order."""
        found = [table.lookup(ips) for table in self.tables]
        rows = [
            np.where(lookup.rows >= 0, lookup.rows + first, -1).astype(np.int64)
            for lookup, first in zip(found, self._firsts, strict=False)
        ]
        columns: dict[str, pa.Array] = {}
        for kind in KINDS:
            if not self._knows[kind.name].any():
                named = (*kind.columns, kind.source)
                columns |= {column: pa.nulls(len(ips), _SCHEMA.field(column).type) for column in named}
                if kind.name == _AS:
                    columns["as_org_source"] = pa.nulls(len(ips), pa.string())
                continue
            chosen = self._first_that_knows(kind, rows, len(ips))
            places = _places(chosen)
            columns |= {column: self._said[column].take(places) for column in kind.columns}
            columns[kind.source] = self._named(self._table_of(chosen))
            if kind.name == _AS:
                columns["as_org_source"] = self._named(np.where(chosen < 0, -1, self._named_by[chosen]))
        return columns | _prefixes(found, len(ips))

    def _first_that_knows(self, kind: Kind, rows: Sequence[Rows], count: int) -> Rows:
        chosen = np.full(count, -1, np.int64)
        knows = self._knows[kind.name]
        for of_table in rows:
            chosen = np.where((chosen < 0) & knows[of_table], of_table, chosen)
        return chosen

    @cached_property
    def _knows(self) -> dict[str, NDArray[np.bool_]]:
        """Of each kind, which of all facts know it; one more at the end, that of row -1, knows nothing."""
        return {kind.name: np.array([*map(kind.knows, self._facts), False], np.bool_) for kind in KINDS}

    def _table_of(self, rows: Rows) -> Rows:
        return np.where(rows < 0, -1, np.searchsorted(self._firsts, rows, side="right") - 1)

    @cached_property
    def _facts(self) -> list[AddressFacts]:
        """All facts of all databases."""
        return [facts for table in self.tables for facts in table.facts]

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """Which of all facts is the first of each database."""
        return np.cumsum([0, *(len(table.facts) for table in self.tables)])[: len(self.tables)]

    @cached_property
    def _names(self) -> pa.Array:
        return pa.array([str(table.origin) for table in self.tables], pa.string())

    @cached_property
    def _said(self) -> dict[str, pa.Array]:
        """What all facts say, by column."""
        said: dict[str, list[object]] = {
            "asn": [facts.asns[0] if facts.asns else None for facts in self._facts],
            "asns": [facts.asns or None for facts in self._facts],
            "as_org": [name for name, _ in self._organised],
        }
        for kind in KINDS:
            for column in kind.columns:
                if column not in said:
                    said[column] = [getattr(facts, column) for facts in self._facts]
        return {column: pa.array(values, _SCHEMA.field(column).type) for column, values in said.items()}

    def _named(self, tables: Rows) -> pa.Array:
        """Name and date of the database of each address, given by its place; null for -1.

        Nearly always it is one database for all, and its name need not be looked up for each.
        """
        known = tables >= 0
        one = int(tables.max(initial=-1))
        name = str(self.tables[one].origin).encode()
        if one < 0 or (tables[known] != one).any() or len(tables) * len(name) > _OFFSET_MAX:
            return self._names.take(_places(tables))
        offsets = np.arange(len(tables) + 1, dtype=np.int32) * np.int32(len(name))
        buffers = (offsets, name * len(tables), np.packbits(known, bitorder="little"))
        return pa.StringArray.from_buffers(len(tables), *map(pa.py_buffer, buffers))

    @cached_property
    def _organised(self) -> list[tuple[str | None, int]]:
        """Of all facts, the name of the AS, and which database says it; -1: none."""
        return [self._organisation(facts, table) for facts, table in self._placed]

    @cached_property
    def _named_by(self) -> Rows:
        """Of all facts, which database names the AS; -1: none."""
        return np.array([table for _, table in self._organised], np.int64)

    @property
    def _placed(self) -> Iterator[tuple[AddressFacts, int]]:
        """All facts, each with the place of its database."""
        for place, table in enumerate(self.tables):
            yield from zip(table.facts, repeat(place))

    def _organisation(self, facts: AddressFacts, table: int) -> tuple[str | None, int]:
        """The name of its AS, and the database that says it."""
        if facts.as_org is not None:
            return facts.as_org, table
        return self._organisations.get(facts.asns[0], _NOBODY) if facts.asns else _NOBODY

    @cached_property
    def _organisations(self) -> dict[int, tuple[str | None, int]]:
        """Names of AS numbers, each with its database; prefix-to-AS files have none of their own."""
        names: dict[int, tuple[str | None, int]] = {}
        for facts, table in self._placed:
            if facts.as_org is not None and len(facts.asns) == 1:
                names.setdefault(facts.asns[0], (facts.as_org, table))
        return names


def _prefixes(found: Sequence[Lookup], count: int) -> dict[str, pa.Array]:
    """The announced prefixes of the first database that has such."""
    announced = next((lookup for lookup in found if lookup.prefixes is not None), None)
    if announced is None or announced.prefixes is None:
        return {column: pa.nulls(count, pa.string()) for column in ("prefix", "prefix_source")}
    prefixes = pa.array(announced.prefixes, pa.string())
    source = pa.repeat(pa.scalar(str(announced.table.origin)), count)
    return {"prefix": prefixes, "prefix_source": pc.if_else(prefixes.is_valid(), source, None)}


def _places(rows: Rows) -> pa.Array:
    return pa.array(rows, pa.int64(), mask=rows < 0)
