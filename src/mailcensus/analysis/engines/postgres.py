"""The analyses in PostgreSQL: the dataset is copied into temporary tables of one session, which leaves nothing behind.

Structs become composite types. Rows come as JSON, which PostgreSQL turns into them (jsonb_populate_record): slower than
COPY of plain columns, and exact for structs in lists of structs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ibis
import psycopg
import pyarrow as pa

from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.analysis.engines.postgres_sql import (
    FUNCTIONS,
    OURS,
    PostgresBackend,
    copy_rows,
    create_table,
    quoted,
)
from mailcensus.model import TABLES, schema_of
from mailcensus.study import StudyError

_BATCH_ROWS = 10_000
_NO_NUL = "\\u2400"
"""Text of PostgreSQL cannot hold NUL; this is the sign for it."""


class PostgresDataset(DatasetElsewhere):
    """A dataset in temporary tables of PostgreSQL 14 or newer."""

    def connect(self, backend: str) -> PostgresBackend:
        """A session of its own, with our functions."""
        try:
            connection = psycopg.connect(backend, autocommit=True)
        except psycopg.Error as error:
            raise StudyError(f"--backend: PostgreSQL: {' '.join(str(error).split())}") from None
        connection.execute("CREATE TEMP TABLE mailcensus_session ()")  # before it there is no pg_temp
        connection.execute(FUNCTIONS)
        return PostgresBackend.from_connection(connection)

    def bring(self, name: str) -> ibis.Table:
        """Copy a table of the dataset."""
        schema = ibis.Schema.from_pyarrow(schema_of(TABLES[name]))
        self.connection.make_composites(schema.types)
        create_table(self._connection, name, schema)
        self._ask("CREATE TEMP TABLE arriving (row jsonb)")
        with self._connection.cursor() as cursor, cursor.copy("COPY pg_temp.arriving FROM STDIN") as copy:
            for text in self._json_rows(name, schema):
                copy.write_row((text.replace("\\u0000", _NO_NUL),))
        record = f"jsonb_populate_record(NULL::{OURS}.{quoted(name)}, row)"
        self._ask(f"INSERT INTO {OURS}.{quoted(name)} SELECT ({record}).* FROM arriving; DROP TABLE arriving")
        return self._there_now(name, schema)

    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows in a temporary table."""
        schema = table.schema() if isinstance(table, ibis.Table) else ibis.Schema.from_pyarrow(table.schema)
        self._ask(f"DROP TABLE IF EXISTS {OURS}.{quoted(name)}")
        create_table(self._connection, name, schema)
        if isinstance(table, ibis.Table):
            self.connection._run_pre_execute_hooks(table)  # constant tables within it
            self._ask(f"INSERT INTO {OURS}.{quoted(name)} {self.connection.compile(table)}")
        else:
            copy_rows(self._connection, name, table)
        return self._there_now(name, schema)

    @property
    def _connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self.connection.con
        return connection

    def _ask(self, query: str) -> None:
        self._connection.execute(query.encode())

    def _there_now(self, name: str, schema: ibis.Schema) -> ibis.Table:
        self._ask(f"ANALYZE {OURS}.{quoted(name)}")  # nobody else does that for temporary tables
        return self.seen(name, schema, OURS)

    def _json_rows(self, name: str, schema: ibis.Schema) -> Iterator[str]:
        blobs = [f"'\\x' || hex({column}) AS {column}" for column, kind in schema.items() if kind.is_binary()]
        columns = f"* REPLACE ({', '.join(blobs)})" if blobs else "*"
        local = self.local.table(name)
        query = f"SELECT to_json(r)::VARCHAR FROM (SELECT {columns} FROM {local.get_name()}) AS r"
        reader = self.local.connection.con.sql(query).to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            yield from batch.column(0).to_pylist()
