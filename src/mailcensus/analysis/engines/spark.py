"""The analyses in Apache Spark, which reads the dataset's Parquet parts itself.

What DuckDB would hold in memory is held as checkpoints: so later queries do not work it out again.
"""

# ruff: noqa: N802 (what Ibis calls its methods)

from __future__ import annotations

import warnings
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.pyspark import Backend
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.datatypes import PySparkType
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from mailcensus.analysis.engines.elsewhere import DatasetElsewhere
from mailcensus.analysis.engines.signed import signed
from mailcensus.dataset.parts import visible_files
from mailcensus.model import TABLES, schema_of

_LEFT_OUT = "left_out_addresses"
_HERE = "spark"
"""`--backend spark`: on this machine, all its cores."""
_PARTITIONS = 4
"""Of what is shuffled on this machine; Spark's 200 are for clusters, and cost a second a query here."""

_FUNCTIONS = {
    "sha256": "sha2({}, 256)",
    "bit_count": "CAST(bit_count({}) AS BIGINT)",
    "to_hex": "hex({})",
    "hash": "(xxhash64({}) & 9223372036854775807)",
    "list_intersect": "array_compact(array_intersect({}, {}))",
    "list_distinct": "array_compact(array_distinct({}))",
    "list_has_any": "arrays_overlap({}, {})",
}
"""The functions of `database_functions` and `numbering.name_hash`, as DuckDB has them."""


class Types(PySparkType):
    """Spark has no unsigned numbers."""

    @classmethod
    def from_ibis(cls, dtype: dt.DataType) -> sge.DataType:
        """The type of a value."""
        return super().from_ibis(signed(dtype))


class Compiler(PySparkCompiler):
    """Functions of ours are Spark's own, by other names."""

    __slots__ = ()
    type_mapper = Types

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: sge.Expression) -> sge.Expression:
        """A function of ours."""
        texts = [argument.sql("spark") for argument in arguments.values()]
        call: sge.Expression = sg.parse_one(_FUNCTIONS[op.__func_name__].format(*texts), read="spark")  # type: ignore[assignment]
        return call


class SparkBackend(Backend):
    """Ibis' backend with the compiler above, and tables by way of Arrow instead of pandas."""

    compiler = Compiler()

    def _register_udfs(self, expr: ibis.Expr) -> None:
        """None: they are Spark's own."""

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        frame_of(self._session, op.data.to_pyarrow(op.schema)).createOrReplaceTempView(op.name)

    def to_pyarrow(self, expr: ibis.Expr, /, **options: Any) -> pa.Table:
        """The rows, with the types that they are said to have."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        rows = self._session.sql(self.compile(table)).toArrow()
        return expr.__pyarrow_result__(rows.cast(table.schema().to_pyarrow(), safe=False))


class SparkDataset(DatasetElsewhere):
    """A dataset of which Spark reads the parts."""

    def connect(self, backend: str) -> SparkBackend:
        """A session: on this machine, or on the cluster whose master is named."""
        master = "local[*]" if backend == _HERE else backend
        builder = SparkSession.builder.master(master).appName("mailcensus")
        if backend == _HERE:
            builder = builder.config("spark.sql.shuffle.partitions", _PARTITIONS).config(
                "spark.ui.enabled", False
            )
        session = (
            builder.config("spark.ui.showConsoleProgress", False)
            .config("spark.sql.ansi.enabled", False)
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")
        self._session = session
        if self.left_out:
            frame_of(session, pa.table({"ip": sorted(self.left_out)})).createOrReplaceTempView(_LEFT_OUT)
        return SparkBackend.from_connection(session)

    def bring(self, name: str) -> ibis.Table:
        """Let Spark read a table's parts."""
        schema = schema_of(TABLES[name])
        files = [str(file) for file in visible_files(self.data / name)]
        if not files:
            return self.put(name, schema.empty_table())
        # Parts of earlier versions may lack columns: those are null.
        frame = self._session.read.parquet(*files, mergeSchema=True).to(struct_of(schema))
        if self.left_out and "ip" in schema.names:
            frame = frame.join(self._session.table(_LEFT_OUT), "ip", "left_anti")
        return self._there_now(name, frame, ibis.Schema.from_pyarrow(schema))

    def put(self, name: str, table: pa.Table | ibis.Table) -> ibis.Table:
        """Hold rows as a checkpoint."""
        if isinstance(table, pa.Table):
            schema = ibis.Schema.from_pyarrow(table.schema)
            return self._there_now(name, frame_of(self._session, table), schema)
        self.connection._run_pre_execute_hooks(table)  # constant tables within it
        frame = self._session.sql(self.connection.compile(table)).localCheckpoint()
        return self._there_now(name, frame, table.schema())

    def _there_now(self, name: str, frame: DataFrame, schema: ibis.Schema) -> ibis.Table:
        frame.createOrReplaceTempView(name)
        nullable = ibis.schema({column: kind(nullable=True) for column, kind in schema.items()})
        return ops.DatabaseTable(name, nullable, self.connection, ops.Namespace()).to_expr()


def frame_of(session: SparkSession, rows: pa.Table) -> DataFrame:
    """An Arrow table for Spark, with signs to its numbers."""
    kind = with_signs(rows.schema)
    if not rows.num_rows:
        return session.createDataFrame(
            [], from_arrow_schema(kind)
        )  # an Arrow table without chunks it cannot read
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of pandas, which takes no part
        return session.createDataFrame(rows.cast(kind), from_arrow_schema(kind))


def struct_of(schema: pa.Schema) -> StructType:
    """What Spark calls the schema of a table of ours."""
    return from_arrow_schema(with_signs(schema))


def with_signs(schema: pa.Schema) -> pa.Schema:
    """The schema with signed numbers alone, all of which may be null."""
    kinds = ibis.Schema.from_pyarrow(schema).items()
    return ibis.schema({column: signed(kind)(nullable=True) for column, kind in kinds}).to_pyarrow()
