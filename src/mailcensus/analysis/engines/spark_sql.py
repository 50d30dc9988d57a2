"""What our expressions are in Apache Spark's SQL, where Ibis has no words for it or others."""

# ruff: noqa: N802 (what Ibis calls its methods)

from __future__ import annotations

import math
import re

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL, SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.datatypes import PySparkType
from ibis.common.exceptions import UnsupportedOperationError

from mailcensus.analysis.engines.signed import signed

_POSITIVE = 2**63 - 1
_row = sg.to_identifier("collected_row")


class Types(PySparkType):
    """Spark has no unsigned numbers: each is of the next wider kind."""

    @classmethod
    def from_ibis(cls, dtype: dt.DataType) -> sge.DataType:
        """The type of a value."""
        return super().from_ibis(signed(dtype))


class Compiler(PySparkCompiler):
    """Functions of ours are Spark's own, by other names."""

    __slots__ = ()
    type_mapper = Types
    SIMPLE_OPS = PySparkCompiler.SIMPLE_OPS | {ops.BitOr: "bit_or"}

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: sge.Expression) -> sge.Expression:
        """A function of `database_functions`, as DuckDB has it; the hash of a text is a number below 2**63."""
        given = tuple(arguments.values())
        call = self.f.anon
        made: sge.Expression
        match op.__func_name__:
            case "sha256":
                made = call.sha2(*given, 256)
            case "hash":
                made = sge.Paren(
                    this=sge.BitwiseAnd(this=call.xxhash64(*given), expression=_number(_POSITIVE))
                )
            case "list_intersect":
                made = call.array_compact(call.array_intersect(*given))
            case "list_distinct":
                made = call.array_compact(call.array_distinct(*given))
            case "list_has_any":
                made = call.arrays_overlap(*given)
            case "to_hex":
                made = call.hex(*given)
            case name:
                made = call[name](*given)
        return made

    def visit_Field(self, op: ops.Field, *, rel: sge.Expression, name: str) -> sge.Expression:
        """A column, NaN and all: Ibis' setting to take that for null is not asked for."""
        return SQLGlotCompiler.visit_Field(self, op, rel=rel, name=name)

    def visit_NonNullLiteral(
        self, op: ops.Literal, *, value: object, dtype: dt.DataType
    ) -> sge.Expression | None:
        """A fraction is a double: written plainly it would be a decimal, and so would what is divided by it."""
        if dtype.is_floating() and math.isfinite(op.value):
            return self.cast(sge.convert(value), dt.float64)
        return None if dtype.is_floating() else super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_Literal(self, op: ops.Literal, *, value: object, dtype: dt.DataType) -> sge.Expression:
        """A list says what it is a list of, since an empty one does not show it."""
        literal: sge.Expression = super().visit_Literal(op, value=value, dtype=dtype)
        return self.cast(literal, dtype) if dtype.is_array() else literal

    def visit_ExtractEpochSeconds(
        self, op: ops.ExtractEpochSeconds, *, arg: sge.Expression
    ) -> sge.Expression:
        """With the fraction of a second, as the other engines have it."""
        micros = self.f.anon.unix_micros(self.cast(arg, dt.timestamp))
        return sge.Paren(this=sge.Div(this=micros, expression=self.cast(sge.convert(1_000_000), dt.float64)))

    def visit_RegexReplace(
        self,
        op: ops.RegexReplace,
        *,
        arg: sge.Expression,
        pattern: sge.Expression,
        replacement: sge.Expression,
    ) -> sge.Expression:
        r"""What a pattern has kept is $1 in Java, not \1."""
        assert isinstance(op.replacement, ops.Literal)
        java = re.sub(r"\\(\d)", r"$\1", op.replacement.value)
        return super().visit_RegexReplace(op, arg=arg, pattern=pattern, replacement=sge.convert(java))

    def visit_ArrayCollect(
        self,
        op: ops.ArrayCollect,
        *,
        arg: sge.Expression,
        where: sge.Expression | None,
        order_by: tuple[sge.Ordered, ...],
        include_null: bool,
        distinct: bool,
    ) -> sge.Expression:
        """Spark collects in any order, and no values into an empty list; here these are null, as in DuckDB.

        What is to be in order is collected beside what it is ordered by, sorted and taken out again.
        """
        if not order_by:
            collected = super().visit_ArrayCollect(
                op, arg=arg, where=where, order_by=(), include_null=include_null, distinct=distinct
            )
            return self._none_is_null(collected)
        if any(key.args.get("desc") for key in order_by):
            raise UnsupportedOperationError("Spark: lists are collected in ascending order alone")
        keys = {f"key_{place}": key.this for place, key in enumerate(order_by)}
        row = self.f.anon.named_struct(*(part for pair in (*keys.items(), ("value", arg)) for part in pair))
        kept = arg.is_(sg.not_(NULL))
        rows = self.f.anon.collect_list(self.if_(kept if where is None else sg.and_(where, kept), row, NULL))
        value = sge.Lambda(this=sge.Dot.build([_row, sg.to_identifier("value")]), expressions=[_row])
        return self._none_is_null(self.f.anon.transform(self.f.anon.sort_array(rows), value))

    def _none_is_null(self, values: sge.Expression) -> sge.Expression:
        return self.if_(self.f.anon.size(values) > 0, values, NULL)


def _number(value: int) -> sge.Expression:
    return sge.Literal.number(f"{value}L")
