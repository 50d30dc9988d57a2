"""A dataset as tables to ask: Ibis over an in-memory DuckDB that reads the Parquet parts as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from mailcensus.dataset.parts import visible_files
from mailcensus.model import TABLES, schema_of


class Dataset:
    """The tables of one study. A table that nothing was written to yet is an empty one of the right schema.

    Attributes:
        connection: the DuckDB connection that holds the views.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.connection: Any = ibis.duckdb.connect()

    def table(self, name: str) -> ibis.Table:
        """One table of `model.TABLES`, as it is on disk now.

        Raises:
            KeyError: there is no such table.
        """
        schema = schema_of(TABLES[name])
        files = visible_files(self.data / name)
        if files:
            table: ibis.Table = self.connection.read_parquet([str(file) for file in files], table_name=name)
            return table
        return self.put(name, schema.empty_table())

    def put(self, name: str, table: pa.Table) -> ibis.Table:
        """Hold an Arrow table in memory under a name."""
        held: ibis.Table = self.connection.create_table(name, table, overwrite=True, temp=True)
        return held


def newest_run(table: ibis.Table) -> ibis.Table:
    """The rows of the newest run only (run ids sort by time)."""
    return table.filter(table.run_id == table.run_id.max().as_scalar())


def final_grabs(grabs: ibis.Table) -> ibis.Table:
    """The last attempt per (run_id, ip, service), of the newest run.

    Nearly every service is asked once, so the few later attempts are looked up instead of grouping all rows.
    """
    grabs = newest_run(grabs)
    later = grabs.filter(grabs.attempt > 1).select("ip", "service", "attempt")
    return grabs.anti_join(
        later, [grabs.ip == later.ip, grabs.service == later.service, grabs.attempt < later.attempt]
    )
