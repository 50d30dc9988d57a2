"""The analysis's tables on disk: Parquet as it is, CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.csv_lists import flat
from mailcensus.analysis.csv_text import harmless
from mailcensus.study import StageFailed, StudyError

_BATCH_ROWS = 50_000
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def write_tables(tables: Mapping[str, pa.Table], directory: Path) -> None:
    """Write each table as Parquet and as CSV, `<name>.parquet` and `<name>.csv`, replacing earlier ones.

    Raises:
        StageFailed: they cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            with _replacing(directory / f"{name}.parquet") as path:
                write_parquet(path, table)
            with _replacing(directory / f"{name}.csv") as path:
                write_csv(path, table)
    except OSError as error:
        raise StageFailed(f"{directory}: tables cannot be written: {error}") from error


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table as it is, strangers' text unchanged."""
    pq.write_table(table, path, compression="zstd")


def write_csv(where: Path | BinaryIO, table: pa.Table) -> None:
    """Write a table as UTF-8 CSV, RFC 4180: a header, lists as `joined` has them, times in UTC (ISO 8601).

    An unknown value is an empty cell. Text is as `csv_cell` has it.
    """
    with pyarrow.csv.CSVWriter(where, _for_csv(table.slice(0, 0)).schema) as writer:
        for first in range(0, table.num_rows, _BATCH_ROWS):
            writer.write_table(_for_csv(table.slice(first, _BATCH_ROWS)))


def _for_csv(table: pa.Table) -> pa.Table:
    table = harmless(flat(table))
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            seconds = table.column(place).cast(pa.timestamp("s", field.type.tz), safe=False)
            table = table.set_column(place, field.name, pc.strftime(seconds, _TIME))
    return table


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file to write, which then takes the place of `path`."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tables(directory: Path) -> dict[str, pa.Table]:
    """The tables that `write_tables` wrote.

    Raises:
        StudyError: there are none yet.
    """
    try:
        return {spec.name: pq.read_table(directory / f"{spec.name}.parquet") for spec in TABLES}
    except FileNotFoundError as error:
        raise StudyError(
            f"{error.filename or directory}: no such table yet; run: mailcensus analyse"
        ) from None
