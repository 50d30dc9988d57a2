"""Rows of a query that wait on disk until somebody gets to them.

What a run has still to ask is known when it begins and may be needed for weeks: millions of rows, which would be held
in memory all that time. The query itself keeps to a bound too, and puts what is more than that on disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow.parquet as pq

from mailcensus.dataset.sql_text import sql_text
from mailcensus.dataset.tables import Dataset
from mailcensus.study import StageFailed

MEMORY = "512MB"
"""Of the query. With 64 MB it fails on a million hosts, with 128 MB it does not."""
_DIRECTORY = ".rows"
_ROWS_AT_ONCE = 2_048


class RowsOnDisk:
    """Rows of a query over tables of a dataset as they are on disk now, each a dict. One at a time per dataset.

    They are in a file without a name, so a kill leaves nothing of them.
    """

    def __init__(self, data: Path, query: str, tables: Sequence[str], **parameters: object) -> None:
        """Ask.

        Raises:
            StageFailed: the rows could not be written.
        """
        directory = data / _DIRECTORY
        shutil.rmtree(directory, ignore_errors=True)  # of a process that was killed while it asked
        try:
            directory.mkdir(parents=True)
            self._source = pq.ParquetFile(_asked(data, directory, query, tables, parameters))
        except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
            raise StageFailed(
                f"{directory}: cannot be written ({error}); free some space and run the same command again"
            ) from error
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def __len__(self) -> int:
        return int(self._source.metadata.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._source.iter_batches(_ROWS_AT_ONCE, use_threads=False):
            yield from batch.to_pylist()


def _asked(
    data: Path, directory: Path, query: str, tables: Sequence[str], parameters: dict[str, object]
) -> BinaryIO:
    """The answer as an open Parquet file; what it took of memory is given back."""
    dataset = Dataset(data)
    for name in tables:
        dataset.table(name)
    file = directory / "rows.parquet"
    with dataset.connection.con as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(f"SET temp_directory = {sql_text(directory)}")
        connection.execute(
            f"COPY ({query}) TO {sql_text(file)} (FORMAT parquet, ROW_GROUP_SIZE 10240)", parameters
        )
    return file.open("rb")
