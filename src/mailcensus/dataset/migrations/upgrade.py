"""Writes parts of an older shape anew, each in place of the old one.

A kill at any moment leaves the old part or the new one, and what is done stays done: the same command goes on. Needs
room for one part beside the old ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.migrations.shape import reshaped
from mailcensus.dataset.migrations.version import DATASET_VERSION, footer_of, version_of
from mailcensus.dataset.parts import Part, PartWriter, visible_parts
from mailcensus.model import TABLES, Certificate, schema_of
from mailcensus.study import StudyError
from mailcensus.wire.certificates import parse_certificate


@dataclass(frozen=True, slots=True)
class Outdated:
    """A part that an earlier mailcensus wrote."""

    table: str
    part: Part
    version: int
    """Of the dataset, as the part says."""


def outdated_parts(data: Path) -> Iterator[Outdated]:
    """All parts of a dataset that have another shape or version than is written now.

    Raises:
        StudyError: a part cannot be read, or is of a newer version.
    """
    for table, record in TABLES.items():
        for part in visible_parts(data / table):
            schema = footer_of(part.path)
            version = version_of(part.path, schema)
            if version < DATASET_VERSION or not schema.equals(schema_of(record)):
                yield Outdated(table, part, version)


def upgrade(data: Path, on_part: Callable[[Outdated], object] = lambda outdated: None) -> int:
    """Write every outdated part of a dataset anew.

    Args:
        on_part: told of each part that has been written.

    Returns:
        How many there were.

    Raises:
        StudyError: another process writes to it, a part cannot be read, or the disk is full.
    """
    lock = WriterLock(data, upgrading=True)
    try:
        outdated = list(outdated_parts(data))
        for one in outdated:
            PartWriter(data, one.table, TABLES[one.table]).replace(one.part, _rewritten(one))
            on_part(one)
    finally:
        lock.release()
    return len(outdated)


def _rewritten(outdated: Outdated) -> Iterator[pa.Table]:
    """The rows of a part, a row group at a time."""
    record = TABLES[outdated.table]
    with pq.ParquetFile(outdated.part.path) as source:
        for index in range(source.num_row_groups):
            rows = source.read_row_group(index)
            try:
                yield _read_again(rows) if record is Certificate else reshaped(rows, schema_of(record))
            except pa.ArrowException as error:
                raise StudyError(f"{outdated.part.path}: cannot be upgraded: {error}") from None


def _read_again(certificates: pa.Table) -> pa.Table:
    """Certificates as they are read today: their bytes are kept, and later columns come out of these."""
    return table_of(Certificate, [parse_certificate(der) for der in certificates["der"].to_pylist()])
