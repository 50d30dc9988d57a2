"""All analyses of a dataset, and their tables on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mailcensus.analysis.catalogue import TABLES, TableSpec
from mailcensus.analysis.csv_lists import flat
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.dataset.tables import Dataset
from mailcensus.model import schema_of
from mailcensus.study import StageFailed, StudyError


def analyse(dataset: Dataset) -> dict[str, pa.Table]:
    """Every table of the catalogue, for the newest run; empty tables and zero counts where nothing was found."""
    evidence = gather(dataset)
    return {spec.name: rows_of(spec, evidence) for spec in TABLES}


def rows_of(spec: TableSpec, evidence: Evidence) -> pa.Table:
    """One table of the catalogue, with exactly the columns and types it declares."""
    schema = schema_of(spec.row)
    return spec.function(evidence).select(*schema.names).to_pyarrow().cast(schema)


def write_tables(tables: Mapping[str, pa.Table], directory: Path) -> None:
    """Write each table as Parquet and as CSV, `<name>.parquet` and `<name>.csv`, replacing earlier ones.

    Raises:
        StageFailed: they cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            with _replacing(directory / f"{name}.parquet") as path:
                pq.write_table(table, path, compression="zstd")
            with _replacing(directory / f"{name}.csv") as path:
                pyarrow.csv.write_csv(flat(table), path)
    except OSError as error:
        raise StageFailed(f"{directory}: tables cannot be written: {error}") from error


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
