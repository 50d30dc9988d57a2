"""A dataset as tables to ask: Ibis over an in-memory DuckDB that reads the Parquet parts as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType

from mailcensus.dataset.connections import ARRIVING, ThreadsBackend
from mailcensus.dataset.migrations.shape import query_of
from mailcensus.dataset.parts import visible_files
from mailcensus.model import TABLES, schema_of

_LEFT_OUT = "left_out_addresses"
_OF_RUNS = ("hits", "grabs", "runs", "canaries")


class Dataset:
    """The tables of one study. A table that nothing was written to yet is an empty one of the right schema.

    Attributes:
        connection: the DuckDB connection that holds the views.
        left_out: addresses whose rows no table shows (`dataset.left_out`).
        left_out_networks: networks that analyses of politeness do not name.
        default_certificates: a study's own catalogue of these; None: it has none.
    """

    at_once = 2
    """How many threads may ask at once: while one question is put into SQL, or its answer is looked through in Python,
    another one is answered. More would want more memory, and not be faster."""

    def __init__(
        self,
        data: Path,
        left_out: Collection[str] = (),
        left_out_networks: Collection[str] = (),
        default_certificates: Path | None = None,
    ) -> None:
        self.data = data
        self.default_certificates = default_certificates
        self.connection: Any = ThreadsBackend().connect()
        self.left_out = frozenset(left_out)
        self.left_out_networks = frozenset(left_out_networks)
        self._opened: dict[str, tuple[list[Path], ibis.Table]] = {}
        self._opening = threading.Lock()
        if self.left_out:
            self.put(_LEFT_OUT, pa.table({"ip": sorted(self.left_out)}))

    def table(self, name: str) -> ibis.Table:
        """One table of `model.TABLES`, as it is on disk now.

        Raises:
            KeyError: there is no such table.
        """
        files = visible_files(self.data / name)
        with self._opening:
            if name not in self._opened or self._opened[name][0] != files:
                self._opened[name] = files, self._open(name, files)
            return self._opened[name][1]

    def has(self, name: str) -> bool:
        """Whether anything was written to a table."""
        return bool(visible_files(self.data / name))

    def _open(self, name: str, files: list[Path]) -> ibis.Table:
        schema = schema_of(TABLES[name])
        if not files:
            return self.put(name, schema.empty_table())
        # The view has the name of the table, so that queries in SQL see no more than others do.
        kept = bool(self.left_out) and "ip" in schema.names
        shown = f"all_{name}" if kept else name
        table: ibis.Table = self._read(shown, files, schema)
        if kept:
            self.connection.raw_sql(
                f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM all_{name} ANTI JOIN {_LEFT_OUT} USING (ip)"
            )
            table = self.connection.table(name)
        return table

    def _read(self, name: str, files: list[Path], schema: pa.Schema) -> ibis.Table:
        """A view of parts; those of an earlier mailcensus are shown in today's shape."""
        self.connection.raw_sql(f'CREATE OR REPLACE VIEW "{name}" AS {query_of(files, schema)}')
        return self.connection.table(name)

    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows in memory under a name: an Arrow table as it is, an expression computed once.

        An earlier table of that name is gone before; `table` cannot read it.
        """
        schema = _nullable(table)
        self.connection.raw_sql(f'DROP TABLE IF EXISTS "{name}"')
        self.connection.raw_sql(f'CREATE TABLE "{name}" ({_columns(schema)})')
        # Not by Ibis' create_table: that asks the database what it has just been told, each time for milliseconds.
        if isinstance(table, ibis.Table):
            self.connection._run_pre_execute_hooks(table)  # constant tables within it
            self.connection.raw_sql(f'INSERT INTO "{name}" {self.connection.compile(table)}')
        elif table.num_rows:
            self.connection.con.register(ARRIVING, table)
            self.connection.raw_sql(f'INSERT INTO "{name}" FROM {ARRIVING}')
            self.connection.con.unregister(ARRIVING)
        place = ops.Namespace(catalog="memory", database="main")
        return ops.DatabaseTable(name, schema, self.connection, place).to_expr()

    def put_query(self, name: str, query: str, rows: pa.Table) -> ibis.Table:
        """Hold what DuckDB makes of a query in SQL over rows, which it knows as `<name>_rows`."""
        self.put(f"{name}_rows", rows)
        self.connection.raw_sql(f'CREATE OR REPLACE TABLE "{name}" AS {query}')
        held: ibis.Table = self.connection.table(name)
        return held

    def rows(self, table: ibis.Table) -> pa.Table:
        """What an expression stands for; one of constants alone too, which Ibis would ask a database of its own."""
        found: pa.Table = self.connection.to_pyarrow(table)
        return found

    def together(self, *asks: Callable[[], Any]) -> list[Any]:
        """What each of these comes to, as many at once as there may be; begun in their order."""
        if self.at_once == 1:
            return [ask() for ask in asks]
        with ThreadPoolExecutor(self.at_once) as pool:
            return list(pool.map(_called, asks))

    def forget_order(self) -> None:
        """Rows may be read in any order: keeping that of files costs memory."""
        self.connection.raw_sql("SET preserve_insertion_order = false")

    @contextmanager
    def joined_as_written(self) -> Iterator[None]:
        """Joins whose left side is read and whose right side is held in memory, as they are written.

        DuckDB cannot tell that a million services answered, and would hold these rather than the names: at a million
        hosts twice the time and three times the memory.
        """
        self.connection.raw_sql("SET disabled_optimizers = 'build_side_probe_side,join_order'")
        try:
            yield
        finally:
            self.connection.raw_sql("RESET disabled_optimizers")

    def newest_run(self) -> str | None:
        """Id of the newest run with hits, grabs, canaries or a stage that ended (run ids sort by time); else None."""
        newest = (self.table(name).run_id.max().to_pyarrow().as_py() for name in _OF_RUNS)
        return max((run_id for run_id in newest if run_id is not None), default=None)


def _called(ask: Callable[[], Any]) -> Any:
    return ask()


def _columns(schema: ibis.Schema) -> str:
    return ", ".join(f'"{name}" {_type_name(kind)}' for name, kind in schema.items())


@cache
def _type_name(kind: ibis.DataType) -> str:
    name: str = DuckDBType.to_string(kind)
    return name


def _nullable(table: pa.Table | ibis.Table) -> ibis.Schema:
    """Any column may hold nulls: rows of a table held and of one read go together."""
    schema = table.schema() if isinstance(table, ibis.Table) else ibis.Schema.from_pyarrow(table.schema)
    return ibis.schema({name: kind(nullable=True) for name, kind in schema.items()})


def later_attempts(grabs: ibis.Table, run_id: str | None) -> ibis.Table:
    """Attempts of one run after the first: ip, service, attempt. Few, since nearly every service is asked once."""
    grabs = of_run(grabs, run_id)
    return grabs.filter(grabs.attempt > 1).select("ip", "service", "attempt")


def without_superseded(grabs: ibis.Table, later: ibis.Table, host: str = "ip") -> ibis.Table:
    """Grabs of one run, those left out that a later attempt on the same (ip, service) supersedes.

    Args:
        host: the column of both that tells hosts apart; by a number it is quicker.
    """
    return grabs.anti_join(
        later, [grabs[host] == later[host], grabs.service == later.service, grabs.attempt < later.attempt]
    )


def final_grabs(grabs: ibis.Table, run_id: str | None) -> ibis.Table:
    """The last attempt per (ip, service) of one run.

    For many rows, select the needed fields out of the structs first: a join carries whole structs along.
    """
    return without_superseded(of_run(grabs, run_id), later_attempts(grabs, run_id))


def of_run(table: ibis.Table, run_id: str | None) -> ibis.Table:
    """The rows of one run; none where there is no run."""
    return table.filter(table.run_id == ibis.literal(run_id, "string"))
