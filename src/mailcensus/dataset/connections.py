"""One DuckDB in memory that several threads ask at once."""

from __future__ import annotations

import threading
from typing import Any

import duckdb
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

ARRIVING = "arriving_rows"
"""What Arrow rows are called while they are copied into a table."""


class ThreadsBackend(Backend):  # type: ignore[misc]
    """Ibis over a DuckDB in which each thread has a connection of its own: that takes one question at a time.

    Temporary tables and views, and Arrow tables that are registered, belong to a connection; other threads do not see
    them.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._of_thread = threading.local()
        self._one_thread = threading.RLock()
        super().__init__(*arguments, **options)

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """This thread's connection, with the settings that Ibis gives to any."""
        if not hasattr(self._of_thread, "con"):
            with self._one_thread:
                self._of_thread.con = self._first.cursor()
            self._post_connect()
        found: duckdb.DuckDBPyConnection = self._of_thread.con
        return found

    @con.setter
    def con(self, first: duckdb.DuckDBPyConnection) -> None:
        self._first = self._of_thread.con = first

    def _register_in_memory_tables(self, expr: ir.Expr) -> None:
        with self._one_thread:
            super()._register_in_memory_tables(expr)

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        """Constants in expressions are copied: registered, they would be this thread's alone."""
        self.con.register(ARRIVING, op.data.to_pyarrow(op.schema))
        self.con.execute(f'CREATE OR REPLACE TABLE "{op.name}" AS FROM {ARRIVING}')
        self.con.unregister(ARRIVING)
