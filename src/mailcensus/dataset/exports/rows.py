"""The rows that an export has: of one run, without whom exclusions name by now, a batch in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.tables import Dataset
from mailcensus.model import TABLES, schema_of
from mailcensus.study import StudyError

BATCH_ROWS = 10_000


def run_to_export(dataset: Dataset, run_id: str | None) -> str:
    """The run that is meant, the newest one where none is named.

    Raises:
        StudyError: there is no such run, or none at all.
    """
    newest = dataset.newest_run()
    if newest is None:
        raise StudyError(f"{dataset.data}: nothing has been collected or imported yet")
    if run_id is None or run_id == newest:
        return newest
    known = {*_values(dataset, "runs"), *_values(dataset, "grabs"), *_values(dataset, "hits")}
    if run_id not in known:
        raise StudyError(f"--run {run_id}: no such run; there are {', '.join(sorted(known))}")
    return run_id


def batches_of(dataset: Dataset, table: str, run_id: str) -> Iterator[pa.Table]:
    """A table's rows: those of a run where its rows say of which run they are, else all.

    Raises:
        StudyError: there is no such table.
    """
    if table not in TABLES:
        raise StudyError(f"--table {table}: no such table; there are {', '.join(sorted(TABLES))}")
    schema = schema_of(TABLES[table])
    for file in visible_files(dataset.data / table):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(BATCH_ROWS):
                yield _kept(dataset, pa.Table.from_batches([batch]).cast(schema), run_id)


def _kept(dataset: Dataset, rows: pa.Table, run_id: str) -> pa.Table:
    if "run_id" in rows.column_names:
        rows = rows.filter(pc.equal(rows["run_id"], run_id))
    for column, left_out in (("ip", dataset.left_out), ("network", dataset.left_out_networks)):
        if left_out and column in rows.column_names:
            rows = rows.filter(pc.invert(pc.is_in(rows[column], pa.array(sorted(left_out)))))
    return rows


def _values(dataset: Dataset, table: str) -> list[str]:
    runs: ibis.Table = dataset.table(table).select("run_id").distinct()
    return [str(value) for value in runs.to_pyarrow()["run_id"].to_pylist()]
