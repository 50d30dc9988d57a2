"""A dataset whose tables another engine holds and asks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa

from mailcensus.dataset.tables import Dataset


class DatasetElsewhere(Dataset):
    """The tables of one study on another engine, brought there when first asked for.

    Attributes:
        local: the same dataset in DuckDB, which reads the parts and leaves out what analyses may not see.
        connection: the Ibis backend of the engine.
    """

    at_once = 1
    """A session elsewhere is one connection."""

    def __init__(self, local: Dataset, backend: str) -> None:
        """Begin a session on the engine that `backend` names."""
        # Not Dataset's: it would open a DuckDB of its own.
        self.local = local
        self.data = local.data
        self.left_out = local.left_out
        self.left_out_networks = local.left_out_networks
        self.default_certificates = local.default_certificates
        self.connection = self.connect(backend)
        self._there: dict[str, ibis.Table] = {}

    def table(self, name: str) -> ibis.Table:
        """One table of `model.TABLES`, as it was on disk when it was first asked for."""
        if name not in self._there:
            self._there[name] = self.bring(name)
        return self._there[name]

    @abstractmethod
    def connect(self, backend: str) -> Any:
        """The Ibis backend.

        Raises:
            StudyError: the engine cannot be reached.
        """

    def close(self) -> None:
        """End the session; what it held is gone."""
        self.connection.disconnect()

    @abstractmethod
    def bring(self, name: str) -> ibis.Table:
        """Make the engine see a table of the dataset."""

    @abstractmethod
    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows on the engine under a name, as long as the connection lasts."""

    def seen(self, name: str, schema: ibis.Schema, database: str | None = None) -> ibis.Table:
        """A table or view that the engine has now; whatever it says, any column may be null."""
        nullable = ibis.schema({column: kind(nullable=True) for column, kind in schema.items()})
        return ops.DatabaseTable(name, nullable, self.connection, ops.Namespace(database=database)).to_expr()

    def put_query(self, name: str, query: str, rows: pa.Table) -> ibis.Table:
        """What DuckDB makes of rows, brought to the engine: the query is in DuckDB's SQL."""
        return self.put(name, self.local.put_query(name, query, rows).to_pyarrow())

    def rows(self, table: ibis.Table) -> pa.Table:
        """What an expression stands for; constants alone need no engine."""
        return table.to_pyarrow()

    def forget_order(self) -> None:
        """No other engine keeps the order of files."""

    @contextmanager
    def joined_as_written(self) -> Iterator[None]:
        """The engine's own planner decides."""
        yield
