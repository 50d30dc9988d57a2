"""The tables `key_findings` and `key_checks`: which keys have been looked at, and what was found.

Findings of a key are written before the row that says it was looked at. A kill between the two leaves findings of
a key that counts as not looked at; they are dropped when the stage is taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.facts.key_flaws import BETWEEN_KEYS
from mailcensus.model import KeyCheck, KeyFinding, schema_of


class KeyTables:
    """Reads and writes both tables of a dataset."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._findings = PartWriter(data, "key_findings", KeyFinding)
        self._checks = PartWriter(data, "key_checks", KeyCheck)

    def checked_with(self, identity: str) -> set[str]:
        """Keys that were looked at with these checks and lists."""
        return {
            key
            for table in self._read("key_checks")
            for key in table.filter(pc.equal(table["checked_with"], identity))["spki_sha256"].to_pylist()
        }

    def keep_only(self, keys: set[str], identity: str) -> None:
        """Drop what was found by other checks, and findings of keys that are not among those looked at."""
        if any(pc.any(pc.not_equal(t["checked_with"], identity)).as_py() for t in self._read("key_checks")):
            current = (t.filter(pc.equal(t["checked_with"], identity)) for t in self._read("key_checks"))
            self._checks.replace_all(_or_none(current, KeyCheck))
        looked_at = pa.array(keys, pa.string())

        def known(table: pa.Table) -> pa.ChunkedArray:
            between = _is_between(table)
            return pc.or_(between, pc.is_in(table["spki_sha256"], looked_at))

        self._filter(known)

    def add(self, findings: Sequence[KeyFinding], checks: Sequence[KeyCheck]) -> None:
        """Write what was found of keys, then that they were looked at."""
        self._findings.write(findings)
        self._checks.write(checks)

    def replace_between(self, findings: Sequence[KeyFinding]) -> None:
        """Make these the findings between keys."""

        def single(table: pa.Table) -> pa.ChunkedArray:
            return pc.invert(_is_between(table))

        self._filter(single, [table_of(KeyFinding, findings)] if findings else [])

    def counts(self) -> tuple[int, int]:
        """Keys looked at, and keys with a finding."""
        found = {key for table in self._read("key_findings") for key in table["spki_sha256"].to_pylist()}
        return sum(map(len, self._read("key_checks"))), len(found)

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        self._findings.compact()
        self._checks.compact()

    def _filter(self, keep: Callable[[pa.Table], pa.ChunkedArray], more: Sequence[pa.Table] = ()) -> None:
        """Keep findings that `keep` is true of, and add more; nothing is written where that changes nothing."""
        dropped = any(not pc.all(keep(table)).as_py() for table in self._read("key_findings") if len(table))
        if dropped or more:
            kept = (table.filter(keep(table)) for table in self._read("key_findings"))
            self._findings.replace_all(_or_none(_both(kept, more), KeyFinding))

    def _read(self, name: str) -> Iterator[pa.Table]:
        for file in visible_files(self._data / name):
            yield pq.read_table(file)


def _both(first: Iterator[pa.Table], then: Sequence[pa.Table]) -> Iterator[pa.Table]:
    yield from first
    yield from then


def _or_none(tables: Iterator[pa.Table], record: type) -> Iterator[pa.Table]:
    """Tables of the record's schema, at least one: a part wants a table, if an empty one."""
    yield schema_of(record).empty_table()
    for table in tables:
        yield table.cast(schema_of(record))


def _is_between(table: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(table["finding"], pa.array([str(flaw) for flaw in BETWEEN_KEYS]))
