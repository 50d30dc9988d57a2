"""The analyses in Apache Spark, which reads the dataset's Parquet parts itself.

What DuckDB would hold in memory is written as Parquet into the session's folder: later queries read the columns that
they need, Spark knows how large it is, and the heap stays free. The workers of a cluster must see that folder, as they
must see the parts.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
from ibis.backends.pyspark import Backend
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.analysis.engines.signed import signed
from mailcensus.analysis.engines.spark_session import Session, one_line
from mailcensus.analysis.engines.spark_sql import Compiler
from mailcensus.dataset.migrations.version import footer_of
from mailcensus.dataset.parts import visible_files
from mailcensus.model import TABLES, schema_of
from mailcensus.study import StageFailed

_LEFT_OUT = "left_out_addresses"


class SparkBackend(Backend):
    """Ibis' backend with our compiler, and rows by way of Arrow instead of pandas."""

    compiler = Compiler()

    def compile(self, expr: ibis.Expr, /, **options: Any) -> str:
        """The query. A copy is written: SQLGlot takes conditions out of semi-joins, which queries share."""
        text: str = self.compiler.to_sqlglot(expr).copy().sql(self.dialect)
        return text

    def to_pyarrow(self, expr: ibis.Expr, /, **options: Any) -> pa.Table:
        """The rows, with the types that they are said to have."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        with _asking():
            rows = self._session.sql(self.compile(table)).toArrow()
        return expr.__pyarrow_result__(rows.cast(table.schema().to_pyarrow()))

    def _register_udfs(self, expr: ibis.Expr) -> None:
        """None: they are Spark's own."""

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        frame_of(self._session, op.data.to_pyarrow(op.schema)).createOrReplaceTempView(op.name)


class SparkDataset(DatasetElsewhere):
    """A dataset of which Spark reads the parts."""

    def connect(self, backend: str) -> SparkBackend:
        """A session: on this machine, or on the cluster whose master is named."""
        self._folder = TemporaryDirectory(prefix=".spark-", dir=self.data)
        try:
            self._running = Session(backend, Path(self._folder.name))
        except BaseException:
            self._folder.cleanup()
            raise
        self._session = self._running.spark
        self._held: list[Path] = []
        if self.left_out:
            frame_of(self._session, pa.table({"ip": sorted(self.left_out)})).createOrReplaceTempView(
                _LEFT_OUT
            )
        connected: SparkBackend = SparkBackend().connect(self._session)  # from_connection makes Ibis' own
        return connected

    def close(self) -> None:
        """End the session, its process and its files."""
        self._running.close()
        self._folder.cleanup()

    def bring(self, name: str) -> ibis.Table:
        """Let Spark read a table's parts; those of an earlier mailcensus are put into today's shape before."""
        schema = schema_of(TABLES[name])
        files = visible_files(self.data / name)
        if not files:
            return self.put(name, schema.empty_table())
        kinds = with_signs(schema)
        if not all(with_signs(footer_of(file)).equals(kinds) for file in files):
            files = [self._in_todays_shape(name)]
        frame = self._session.read.schema(from_arrow_schema(kinds)).parquet(*map(str, files))
        if self.left_out and "ip" in schema.names:
            frame = frame.join(self._session.table(_LEFT_OUT), "ip", "left_anti")
        return self._there_now(name, frame, ibis.Schema.from_pyarrow(schema))

    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows: those from here as they are, those of a query in a file."""
        if isinstance(table, pa.Table):
            schema = ibis.Schema.from_pyarrow(table.schema)
            return self._there_now(name, frame_of(self._session, table), schema)
        self.connection._run_pre_execute_hooks(table)  # constant tables within it
        file = Path(self._folder.name) / f"{name}_{len(self._held)}.parquet"
        with _asking():
            frame = self._session.sql(self.connection.compile(table))
            frame.write.parquet(str(file))
            kinds = frame.schema  # or Spark would look for it in the file, by a job of its own
            del frame
        self._held.append(file)
        rows = self._session.read.schema(kinds).parquet(str(file))
        return self._there_now(name, rows, table.schema())

    def _in_todays_shape(self, name: str) -> Path:
        file = Path(self._folder.name) / f"{name}.parquet"
        self.local.table(name).to_parquet(file)
        return file

    def _there_now(self, name: str, frame: DataFrame, schema: ibis.Schema) -> ibis.Table:
        frame.createOrReplaceTempView(name)
        return self.seen(name, schema)


@contextmanager
def _asking() -> Iterator[None]:
    """What goes wrong is one line; afterwards Java may forget the query."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise StageFailed(f"analyse: Spark: {one_line(error)}") from error
    finally:
        # What stands for it here is in cycles, and `analyse` has Python's collector off: in Java, each query's plan
        # and what its joins sent round stayed, two gigabytes after thirty tables of 100,000 hosts.
        gc.collect(0)


def frame_of(session: SparkSession, rows: pa.Table) -> DataFrame:
    """An Arrow table for Spark, with signs to its numbers."""
    kinds = with_signs(rows.schema)
    if not rows.num_rows:  # an Arrow table without chunks it cannot read
        return session.createDataFrame([], from_arrow_schema(kinds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about pandas, which takes no part
        return session.createDataFrame(rows.cast(kinds), from_arrow_schema(kinds))


def with_signs(schema: pa.Schema) -> pa.Schema:
    """The schema with signed numbers alone, all of which may be null."""
    kinds = ibis.Schema.from_pyarrow(schema).items()
    return ibis.schema({column: signed(kind)(nullable=True) for column, kind in kinds}).to_pyarrow()
