"""What our expressions are in PostgreSQL's SQL, where Ibis has no words for it or others."""

# ruff: noqa: N802 (what Ibis calls its methods)

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import sha256
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import pyarrow as pa
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.postgres import Backend
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from ibis.backends.sql.datatypes import PostgresType

from mailcensus.analysis.engines.signed import signed

OURS = "pg_temp"
"""The schema of this session, gone with it: tables, types and functions, so that nothing stays behind."""

FUNCTIONS = f"""
CREATE FUNCTION {OURS}.sha256(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT encode(pg_catalog.sha256(convert_to(t, 'UTF8')), 'hex') $$;
CREATE FUNCTION {OURS}.bit_count(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT pg_catalog.bit_count(n::bit(64)) $$;
CREATE FUNCTION {OURS}.to_hex(n bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT upper(pg_catalog.to_hex(n)) $$;
CREATE FUNCTION {OURS}.hash(t text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT pg_catalog.hashtextextended(t, 0) & 9223372036854775807 $$;
CREATE FUNCTION {OURS}.list_intersect(a anycompatiblearray, b anycompatiblearray) RETURNS anycompatiblearray
    LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT ARRAY(SELECT x FROM unnest(a) AS x WHERE x IS NOT NULL INTERSECT SELECT unnest(b)) $$;
CREATE FUNCTION {OURS}.list_distinct(a anyarray) RETURNS anyarray LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT ARRAY(SELECT DISTINCT x FROM unnest(a) AS x WHERE x IS NOT NULL) $$;
CREATE FUNCTION {OURS}.list_has_any(a anycompatiblearray, b anycompatiblearray) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a && b $$;
"""
"""The functions of `database_functions`, as DuckDB has them."""


class Types(PostgresType):
    """PostgreSQL has no unsigned numbers: each is of the next wider kind."""

    @classmethod
    def from_ibis(cls, dtype: dt.DataType) -> sge.DataType:
        """The type of a value."""
        return super().from_ibis(signed(dtype))

    @classmethod
    def _from_ibis_Struct(cls, dtype: dt.Struct) -> sge.DataType:
        return sge.DataType(this=sge.DataType.Type.USERDEFINED, kind=composite_name(dtype))


def composite_name(struct: dt.Struct) -> str:
    """The composite type that a struct is: one name for one set of fields."""
    fields = ", ".join(f"{name} {Types.from_ibis(kind).sql('postgres')}" for name, kind in struct.items())
    return f"{OURS}.record_{sha256(fields.encode()).hexdigest()[:20]}"


def structs_within(kind: dt.DataType) -> Iterator[dt.Struct]:
    """The structs that a type is made of, inner ones first."""
    if isinstance(kind, dt.Array):
        yield from structs_within(kind.value_type)
    elif isinstance(kind, dt.Struct):
        for inner in kind.types:
            yield from structs_within(inner)
        yield kind


class Compiler(PostgresCompiler):
    """Structs are composite types, and functions of ours are looked for among ours."""

    __slots__ = ()
    type_mapper = Types

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: sge.Expression) -> sge.Expression:
        """A function of ours."""
        call = sge.Anonymous(this=op.__func_name__, expressions=list(arguments.values()))
        return sge.Dot(this=sg.to_identifier(OURS), expression=call)

    def visit_StructField(self, op: ops.StructField, *, arg: sge.Expression, field: str) -> sge.Expression:
        """A field by its name."""
        return sge.Dot(this=sge.Paren(this=arg), expression=sg.to_identifier(field, quoted=True))

    def visit_StructColumn(
        self, op: ops.StructColumn, *, names: tuple[str, ...], values: tuple[sge.Expression, ...]
    ) -> sge.Expression:
        """A value of the composite type."""
        return self.cast(super().visit_StructColumn(op, names=names, values=values), op.dtype)

    def visit_Literal(self, op: ops.Literal, *, value: object, dtype: dt.DataType) -> sge.Expression:
        """A list says what it is a list of, since an empty one does not show it."""
        literal = super().visit_Literal(op, value=value, dtype=dtype)
        return self.cast(literal, dtype) if dtype.is_array() else literal

    def visit_Mean(
        self, op: ops.Mean, *, arg: sge.Expression, where: sge.Expression | None
    ) -> sge.Expression:
        """PostgreSQL's mean of whole numbers is decimal."""
        return self.cast(super().visit_Mean(op, arg=arg, where=where), op.dtype)

    def visit_Cast(self, op: ops.Cast, *, arg: sge.Expression, to: dt.DataType) -> sge.Expression:
        """Truth becomes a number by way of `integer` alone."""
        if op.arg.dtype.is_boolean() and to.is_numeric():
            return self.cast(self.cast(arg, dt.int32), to)
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_Divide(self, op: ops.Divide, *, left: sge.Expression, right: sge.Expression) -> sge.Expression:
        """Whole numbers are divided as others are; what PostgreSQL makes of sums of them is decimal."""
        return sge.Div(this=self.cast(left, dt.float64), expression=self.cast(right, dt.float64))

    def visit_IsNull(self, op: ops.IsNull, *, arg: sge.Expression) -> sge.Expression:
        """PostgreSQL calls a struct whose fields are all null a null one; here it is not."""
        if op.arg.dtype.is_struct():
            return sge.NullSafeEQ(this=arg, expression=sge.Null())
        return super().visit_IsNull(op, arg=arg)

    def visit_NotNull(self, op: ops.NotNull, *, arg: sge.Expression) -> sge.Expression:
        """See visit_IsNull."""
        if op.arg.dtype.is_struct():
            return sge.NullSafeNEQ(this=arg, expression=sge.Null())
        return super().visit_NotNull(op, arg=arg)


class PostgresBackend(Backend):
    """Ibis' backend with the compiler above."""

    compiler = Compiler()

    def make_composites(self, kinds: Iterable[dt.DataType]) -> None:
        """Make the composite types that values of these types need."""
        for struct in (struct for kind in kinds for struct in structs_within(kind)):
            name = composite_name(struct)
            if name not in self._composites:
                fields = ", ".join(f"{quoted(field)} {type_name(of)}" for field, of in struct.items())
                self.con.execute(f"CREATE TYPE {name} AS ({fields})")
                self._composites.add(name)

    @cached_property
    def _composites(self) -> set[str]:
        return set()

    def _run_pre_execute_hooks(self, expr: ibis.Expr) -> None:
        self.make_composites(node.dtype for node in expr.op().find(ops.StructColumn))
        super()._run_pre_execute_hooks(expr)

    def compile(self, expr: ibis.Expr, /, **options: Any) -> str:
        """The query. A copy is written: SQLGlot takes conditions out of semi-joins, which queries share."""
        text: str = self.compiler.to_sqlglot(expr).copy().sql("postgres")
        return text

    def to_pyarrow(self, expr: ibis.Expr, /, **options: Any) -> pa.Table:
        """The rows, with the types that they are said to have; structs come as JSON."""
        self._run_pre_execute_hooks(expr)
        table = expr.as_table()
        kinds = table.schema()
        columns = [
            f"to_jsonb({quoted(n)})" if any(structs_within(k)) else quoted(n) for n, k in kinds.items()
        ]
        rows = self.con.execute(
            f"SELECT {', '.join(columns)} FROM ({self.compile(table)}) AS rows"
        ).fetchall()
        by_column = list(zip(*rows, strict=True)) or [()] * len(kinds)
        schema = kinds.to_pyarrow()
        arrays = [pa.array(values, kind) for values, kind in zip(by_column, schema.types, strict=True)]
        return expr.__pyarrow_result__(pa.Table.from_arrays(arrays, schema=schema))

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        create_table(self.con, op.name, op.schema, temporary=True)
        copy_rows(self.con, op.name, op.data.to_pyarrow(op.schema))


def create_table(connection: Any, name: str, schema: Any, *, temporary: bool = True) -> None:
    """A table of this session that holds rows of a schema."""
    columns = ", ".join(f"{quoted(column)} {type_name(kind)}" for column, kind in schema.items())
    connection.execute(f"CREATE TEMP TABLE {quoted(name)} ({columns})")


def copy_rows(connection: Any, name: str, rows: pa.Table) -> None:
    """Write rows into a table of this session."""
    columns = ", ".join(map(quoted, rows.column_names))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {OURS}.{quoted(name)} ({columns}) FROM STDIN") as copy,
    ):
        for batch in rows.to_batches(max_chunksize=10_000):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                copy.write_row(row)


def type_name(kind: dt.DataType) -> str:
    """A column's type; texts are compared byte by byte, as DuckDB compares them."""
    name = Types.from_ibis(kind).sql("postgres")
    of_text = kind.is_string() or (kind.is_array() and kind.value_type.is_string())
    return f'{name} COLLATE "C"' if of_text else name


def quoted(name: str) -> str:
    """A name as it is."""
    return '"' + name.replace('"', '""') + '"'
