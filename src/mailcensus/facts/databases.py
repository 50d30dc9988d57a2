"""What the configured databases say of many addresses, as columns of `hosts`.

For country, for AS and for place, the first database that knows an address counts, and its name and date stand
beside what it says. The announced prefix and whether an address is anycast come from the first database that has
such a thing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mailcensus.model import Host, schema_of
from mailcensus.population.databases import AddressFacts, AddressTable, open_database
from mailcensus.study import Study

_SCHEMA = schema_of(Host)
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


KINDS = (
    Kind(
        "country",
        ("country", "registered_country"),
        "country_source",
        lambda facts: facts.country is not None or facts.registered_country is not None,
    ),
    Kind("as", ("asn", "asns", "as_org"), "as_source", lambda facts: bool(facts.asns)),
    Kind(
        "place",
        ("region", "city", "latitude", "longitude"),
        "location_source",
        lambda facts: facts.city is not None or facts.latitude is not None,
    ),
)
_ANYCAST = Kind("anycast", ("anycast",), "", lambda facts: facts.anycast is not None)


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
        for kind in (*KINDS, _ANYCAST):
            chosen = self._first_that_knows(kind, rows, len(ips))
            for column in kind.columns:
                columns[column] = self._said[column].take(_places(chosen))
            if kind.source:
                columns[kind.source] = self._names.take(_places(self._table_of(chosen)))
        prefixes = next((lookup.prefixes for lookup in found if lookup.prefixes is not None), None)
        columns["prefix"] = pa.array(prefixes or [None] * len(ips), pa.string())
        return columns

    def _first_that_knows(self, kind: Kind, rows: Sequence[Rows], count: int) -> Rows:
        chosen = np.full(count, -1, np.int64)
        knows = np.array([*map(kind.knows, self._facts), False], np.bool_)  # the last one is that of row -1
        for of_table in rows:
            chosen = np.where((chosen < 0) & knows[of_table], of_table, chosen)
        return chosen

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
        organisations = self._organisations
        said: dict[str, list[object]] = {
            "asn": [facts.asns[0] if facts.asns else None for facts in self._facts],
            "asns": [facts.asns or None for facts in self._facts],
            "as_org": [
                facts.as_org or (organisations.get(facts.asns[0]) if facts.asns else None)
                for facts in self._facts
            ],
        }
        for kind in (*KINDS, _ANYCAST):
            for column in kind.columns:
                if column not in said:
                    said[column] = [getattr(facts, column) for facts in self._facts]
        return {column: pa.array(values, _SCHEMA.field(column).type) for column, values in said.items()}

    @cached_property
    def _organisations(self) -> dict[int, str]:
        """Names of AS numbers; prefix-to-AS files have none of their own."""
        names: dict[int, str] = {}
        for facts in self._facts:
            if facts.as_org is not None and len(facts.asns) == 1:
                names.setdefault(facts.asns[0], facts.as_org)
        return names


def _places(rows: Rows) -> pa.Array:
    return pa.array(rows, pa.int64(), mask=rows < 0)
