"""A table on disk: whole Parquet parts in one directory, `data/<table>/part-<first>-<last>-<crc32>.parquet`.

Every flush becomes one part under the next number; compaction replaces a run of parts by one whose name spans
their numbers (`part-00000001-00000032-9f3c02aa.parquet`). Names sort in writing order, and any Parquet reader takes
`data/<table>/*.parquet` as it is.

The last piece of a name is the CRC-32 of the whole file. It stands in the name since that alone becomes visible with
the bytes in one step, and covers the footer too, which Parquet's own checksums of pages do not. Parts of datasets
written before have none and are read as they are.

What a kill at any instant leaves:

- while writing: a hidden temporary file, which no reader takes for a part and which the next opening removes;
- between the renaming of a compacted part and the removal of what it replaces: rows twice, never rows lost.
  A part whose numbers lie within another part's is such a leftover. Our readers pass it over (`visible_parts`)
  and the next opening for writing removes it, so only a foreign reader in that short time can see double.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.files import sync
from mailcensus.dataset.migrations.version import stamped_schema
from mailcensus.model import schema_of
from mailcensus.study import StageFailed

COMPRESSION = "zstd"
ROW_GROUP_ROWS = 122_880
"""Rows of a compacted row group: DuckDB's own vector-aligned default, good for every reader."""
ROW_GROUP_BYTES = 16 << 20
"""Arrow bytes of a compacted row group at most (certificates are big).

It bounds the memory of compaction, which goes on beside grabs: some 100 MB at its peak, however long the table is.
DuckDB reads groups of 16 MB as fast as those of 64.
"""
FULL_PART_BYTES = 128 << 20
"""A part of this size is not compacted further."""
FAN_IN = 32
"""Parts of one tier that make one part of the next while a run goes on; each row is rewritten once a tier."""

_NAME = re.compile(r"part-(\d{8})-(\d{8})(?:-([0-9a-f]{8}))?\.parquet")
_CHECKED_BYTES = 1 << 20
_ROWS_AT_ONCE = 2_048
"""Rows that compaction reads at once: whole groups, beside the one that is written, would be several times as much."""


@dataclass(frozen=True, slots=True)
class Part:
    """One visible Parquet file and the range of flushes whose rows it holds."""

    first: int
    last: int
    path: Path
    checksum: str | None = None
    """CRC-32 of the file as it was written, hex; None: written before parts had one."""

    @property
    def span(self) -> int:
        """Flushes whose rows it holds."""
        return self.last - self.first + 1


def visible_parts(directory: Path) -> list[Part]:
    """The parts that make up a table, in writing order, without leftovers of an interrupted compaction."""
    visible: list[Part] = []
    for part in sorted(_all_parts(directory), key=lambda part: (part.first, -part.last)):
        if not visible or part.last > visible[-1].last:
            visible.append(part)
    return visible


def visible_files(directory: Path) -> list[Path]:
    """The files of `visible_parts`, for readers."""
    return [part.path for part in visible_parts(directory)]


def _all_parts(directory: Path) -> list[Part]:
    if not directory.is_dir():
        return []
    matches = ((_NAME.fullmatch(path.name), path) for path in directory.iterdir())
    return [Part(int(match[1]), int(match[2]), path, match[3]) for match, path in matches if match]


def checksum_of(path: Path) -> str:
    """CRC-32 of a file, hex.

    Raises:
        OSError: it cannot be read.
    """
    value = 0
    with path.open("rb") as file:
        while piece := file.read(_CHECKED_BYTES):
            value = crc32(piece, value)
    return f"{value:08x}"


class PartWriter:
    """Writes one table. There must be one writer of a dataset at a time (`dataset.lock`).

    Opening it removes what a crash left.

    Attributes:
        table: its name.
    """

    def __init__(self, data: Path, table: str, record: type) -> None:
        self.table = table
        self._directory = data / table
        self._record = record
        self._directory.mkdir(parents=True, exist_ok=True)
        self._clean()
        parts = visible_parts(self._directory)
        self._next = parts[-1].last + 1 if parts else 1

    def write(self, rows: Sequence[object]) -> None:
        """Make rows one durable part; none is visible before all are.

        Raises:
            StageFailed: they could not be written (disk full); nothing of them is visible then.
        """
        if rows:
            number = self._next
            self._publish(number, number, [table_of(self._record, rows)])
            self._next = number + 1

    def write_table(self, table: pa.Table) -> None:
        """Make a table of the right schema one durable part, as `write` does with rows."""
        if len(table):
            self._publish(self._next, self._next, [table])
            self._next += 1

    def replace_all(self, tables: Iterable[pa.Table]) -> None:
        """Make tables one durable part that takes the place of all there are.

        A kill leaves the old parts or the new one.

        Raises:
            StageFailed: as `write`; the old parts stand then.
        """
        old = _all_parts(self._directory)
        self._publish(1, self._next, iter(tables))
        self._next += 1
        for part in old:
            part.path.unlink()

    @property
    def next_number(self) -> int:
        """The number that the next part gets."""
        return self._next

    def write_over(self, first: int, rows: Sequence[object]) -> None:
        """Make rows one durable part that takes the place of all parts from a number on.

        A kill leaves the old parts or the new one, as with a compaction. The parts must not have been merged with
        earlier ones.

        Raises:
            StageFailed: as `write`; the old parts stand then.
        """
        number = self._next
        self._publish(first, number, [table_of(self._record, rows)])
        self._next = number + 1
        for part in _all_parts(self._directory):
            if first <= part.first and part.last < number:
                part.path.unlink()

    def remove_from(self, first: int) -> None:
        """Remove all parts from a number on: what a run left that was killed before its end.

        They must not have been merged with earlier ones.
        """
        for part in _all_parts(self._directory):
            if part.first >= first:
                part.path.unlink()

    def replace(self, part: Part, tables: Iterable[pa.Table]) -> None:
        """Make tables one durable part that takes the place of another one.

        A kill leaves one of the two, or both, of which readers see one.

        Raises:
            StageFailed: as `write`; the old part stands then.
        """
        if self._publish(part.first, part.last, tables) != part.path:
            part.path.unlink()

    def compact(self) -> None:
        """Merge neighbours into parts of up to FULL_PART_BYTES. For the end of a stage."""
        for group in _neighbours_up_to(FULL_PART_BYTES, visible_parts(self._directory)):
            self._merge(group)

    def compact_tiers(self) -> None:
        """Merge FAN_IN newest parts of equal span, tier by tier, so that a long run has few parts."""
        while (group := _full_tier(visible_parts(self._directory))) is not None:
            self._merge(group)

    def _merge(self, group: Sequence[Part]) -> None:
        files = [part.path for part in group]
        self._publish(group[0].first, group[-1].last, _row_groups(files, schema_of(self._record)))
        for file in files:
            file.unlink()

    def _publish(self, first: int, last: int, tables: Iterable[pa.Table]) -> Path:
        name = f"part-{first:08}-{last:08}"
        temporary = self._directory / f".{name}.parquet.tmp"
        written = temporary
        try:
            with pq.ParquetWriter(temporary, stamped_schema(self._record), compression=COMPRESSION) as writer:
                for table in tables:
                    writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
            sync(temporary)
            written = temporary.rename(self._directory / f"{name}-{checksum_of(temporary)}.parquet")
            sync(self._directory)
            return written
        except OSError as error:
            # Its rows are still waiting: written once more, they must not stand twice.
            written.unlink(missing_ok=True)
            raise StageFailed(_cannot_write(self._directory / f"{name}.parquet", error)) from error

    def _clean(self) -> None:
        for temporary in self._directory.glob(".part-*.tmp"):
            temporary.unlink()
        visible = set(visible_parts(self._directory))
        for part in _all_parts(self._directory):
            if part not in visible:
                part.path.unlink()


def _row_groups(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of several files, regrouped to row groups of the full size; one in memory at a time."""
    pending: list[pa.Table] = []
    rows = size = 0
    for few in _few_rows(files, schema):
        if pending and (rows + len(few) > ROW_GROUP_ROWS or size + few.nbytes > ROW_GROUP_BYTES):
            yield pa.concat_tables(pending)
            pending, rows, size = [], 0, 0
        pending.append(few)
        rows, size = rows + len(few), size + few.nbytes
    if pending:
        yield pa.concat_tables(pending)


def _few_rows(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of several files, a few at a time."""
    for file in files:
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(_ROWS_AT_ONCE, use_threads=False):
                yield pa.Table.from_batches([batch]).cast(schema)


def _neighbours_up_to(limit_bytes: int, parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Runs of two or more neighbouring parts whose files together stay within a limit."""
    group: list[Part] = []
    total = 0
    for part in parts:
        size = part.path.stat().st_size
        if group and total + size > limit_bytes:
            if len(group) > 1:
                yield group
            group, total = [], 0
        group, total = [*group, part], total + size
    if len(group) > 1:
        yield group


def _full_tier(parts: Sequence[Part]) -> list[Part] | None:
    """The newest FAN_IN parts where they have the same span and are not full-sized."""
    newest = list(parts[-FAN_IN:])
    if len(newest) < FAN_IN or any(a.span != b.span for a, b in pairwise(newest)):
        return None
    if sum(part.path.stat().st_size for part in newest) > FULL_PART_BYTES:
        return None
    return newest


def _cannot_write(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: disk full; what was written before is whole: free some space and run the same command again"
    return f"{path}: cannot be written: {error.strerror or error}"
