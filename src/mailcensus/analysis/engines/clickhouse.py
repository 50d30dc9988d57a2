"""The analyses in ClickHouse: the dataset is copied into temporary tables of one session.

Rows go there and come back as Arrow, lists and structs in boxes (`clickhouse_rows`).
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import clickhouse_connect
import ibis
import ibis.expr.operations as ops
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from ibis.backends.clickhouse import Backend

from mailcensus.analysis.engines.clickhouse_rows import boxed_rows, unboxed_rows
from mailcensus.analysis.engines.clickhouse_sql import Compiler
from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.model import TABLES, schema_of
from mailcensus.study import StageFailed, StudyError

_BATCH_ROWS = 100_000
_PATIENCE_S = 3600
"""For the answer to one query, and between two."""
_SETTINGS = {
    "aggregate_functions_null_for_empty": 1,
    "join_use_nulls": 1,
    "output_format_arrow_string_as_string": 0,  # or it would look whether every byte is UTF-8, as Arrow does here
    "session_timeout": _PATIENCE_S,
}
_DIALECT = "clickhouse"


class ClickHouseBackend(Backend):
    """Ibis' backend with our compiler, and rows by way of Arrow."""

    compiler = Compiler()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """A backend that is not connected."""
        super().__init__(*arguments, **options)
        self._made: set[str] = set()

    def compile(self, expr: ibis.Expr, /, **options: Any) -> str:
        """The query. A copy is written: SQLGlot takes conditions out of semi-joins, which queries share."""
        text: str = self.compiler.to_sqlglot(expr).copy().sql(_DIALECT)
        return text

    def to_pyarrow(self, expr: ibis.Expr, /, **options: Any) -> pa.Table:
        """The rows, with the types that they are said to have."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        schema = table.schema().to_pyarrow()
        with _asking():
            answer = self.con.raw_query(self.compile(table), fmt="ArrowStream")
        with pa.ipc.open_stream(answer) as batches:
            rows = pa.Table.from_batches([unboxed_rows(batch, schema) for batch in batches], schema)
        return expr.__pyarrow_result__(rows)

    def ask(self, query: str) -> None:
        """Do what has no rows to show."""
        with _asking():
            self.con.command(query)

    def make_table(self, name: str, schema: ibis.Schema) -> None:
        """A table of this session, in place of one of that name."""
        columns = ", ".join(
            f"{_quoted(n)} {self.compiler.type_mapper.from_ibis(k).sql(_DIALECT)}" for n, k in schema.items()
        )
        self.ask(f"DROP TEMPORARY TABLE IF EXISTS {_quoted(name)}")
        # Not in memory, as they would be unless told: a study may be larger.
        self.ask(f"CREATE TEMPORARY TABLE {_quoted(name)} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
        self._made.add(name)

    def insert_query(self, name: str, rows: ibis.Table) -> None:
        """Write what a query gives into a table of this session."""
        self._run_pre_execute_hooks(rows)  # constant tables within it
        self.ask(f"INSERT INTO {_quoted(name)} {self.compile(rows)}")

    def insert_rows(self, name: str, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows from here into a table of this session."""
        for rows in map(boxed_rows, batches):
            written = io.BytesIO()
            with pa.ipc.new_stream(written, rows.schema) as stream:
                stream.write_batch(rows)
            with _asking():
                self.con.raw_insert(_quoted(name), insert_block=written.getvalue(), fmt="ArrowStream")

    def disconnect(self) -> None:
        """Drop the tables: a session on the server outlives its client."""
        with suppress(StageFailed):  # the server has gone, and they with it
            for name in self._made:
                self.ask(f"DROP TEMPORARY TABLE IF EXISTS {_quoted(name)}")
        super().disconnect()

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        self.make_table(op.name, op.schema)
        self.insert_rows(op.name, op.data.to_pyarrow(op.schema).to_batches())


class ClickHouseDataset(DatasetElsewhere):
    """A dataset in temporary tables of ClickHouse."""

    connection: ClickHouseBackend

    def connect(self, backend: str) -> ClickHouseBackend:
        """A session of its own."""
        for talker in ("clickhouse_connect", "urllib3.connectionpool"):  # what they raise is said once, here
            logging.getLogger(talker).setLevel(logging.CRITICAL)
        try:
            client = clickhouse_connect.get_client(
                dsn=backend,
                password=os.environ.get("CLICKHOUSE_PASSWORD", ""),
                query_limit=0,
                send_receive_timeout=_PATIENCE_S,
                settings=_SETTINGS,
            )
        except (ClickHouseError, TypeError, ValueError) as error:  # the last two are of what the URL says
            raise StudyError(f"--backend: ClickHouse: {_one_line(error)}") from None
        connected: ClickHouseBackend = ClickHouseBackend.from_connection(client)
        return connected

    def bring(self, name: str) -> ibis.Table:
        """Copy a table of the dataset."""
        schema = ibis.Schema.from_pyarrow(schema_of(TABLES[name]))
        self.connection.make_table(name, schema)
        here = self.local.connection.con.table(self.local.table(name).get_name())
        self.connection.insert_rows(name, here.to_arrow_reader(_BATCH_ROWS))
        return self.seen(name, schema)

    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows in a temporary table."""
        if isinstance(table, ibis.Table):
            schema = table.schema()
            self.connection.make_table(name, schema)
            self.connection.insert_query(name, table)
        else:
            schema = ibis.Schema.from_pyarrow(table.schema)
            self.connection.make_table(name, schema)
            self.connection.insert_rows(name, table.to_batches(_BATCH_ROWS))
        return self.seen(name, schema)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise StageFailed(f"analyse: ClickHouse: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """What went wrong; the address that was asked, but not with all its parameters."""
    return re.sub(r" with url: \S+", "", " ".join(str(error).split()))


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
