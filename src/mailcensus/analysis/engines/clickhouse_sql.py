"""What our expressions are in ClickHouse's SQL, where Ibis has no words for it or others.

Numbers are cast to the kind that Ibis says they are: ClickHouse counts without signs, and numbers of 64 bits with a
sign and without have no kind in common.
"""

# ruff: noqa: N802 (what Ibis calls its methods)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.common.exceptions import UnsupportedOperationError

from mailcensus.analysis.engines.clickhouse_boxes import Boxes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAST = (
    *(ops.Reduction, ops.WindowFunction, ops.ScalarUDF),
    *(ops.ArrayLength, ops.ArrayPosition, ops.StringLength),
)
"""Operations whose numbers are of another kind in ClickHouse."""


class Compiler(Boxes):
    """Functions of ours are ClickHouse's own, by other names."""

    __slots__ = ()
    SIMPLE_OPS: ClassVar[dict[type[ops.Node], str]] = {
        ops.CountDistinct: "uniqExact",
        ops.Lowercase: "lowerUTF8",
        ops.Uppercase: "upperUTF8",
        ops.StringLength: "lengthUTF8",
        ops.RegexExtract: "regexpExtract",
    }

    def visit_node(self, op: ops.Node, **arguments: object) -> sge.Expression:
        """Any operation; its number is of the kind that it is said to be."""
        made: sge.Expression = super().visit_node(op, **arguments)
        return self.cast(made, op.dtype) if isinstance(op, _CAST) and op.dtype.is_numeric() else made

    def visit_Literal(self, op: ops.Literal, *, value: object, dtype: dt.DataType) -> sge.Expression:
        """A time is its microseconds."""
        if isinstance(value, datetime):
            return sge.Literal.number((value - _EPOCH) // timedelta(microseconds=1))
        if isinstance(value, date):
            return self.cast(value.isoformat(), dtype)
        return super().visit_Literal(op, value=value, dtype=dtype)

    def visit_Cast(self, op: ops.Cast, *, arg: sge.Expression, to: dt.DataType) -> sge.Expression:
        """Times are numbers here, which nothing else is made of."""
        if op.arg.dtype.is_timestamp() or to.is_timestamp():
            raise UnsupportedOperationError(f"ClickHouse: {op.arg.dtype} as {to}")
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_ExtractEpochSeconds(
        self, op: ops.ExtractEpochSeconds, *, arg: sge.Expression
    ) -> sge.Expression:
        """With the fraction of a second, as the other engines have it."""
        return sge.Paren(this=sge.Div(this=arg, expression=sge.convert(1_000_000)))

    def visit_StringJoin(
        self, op: ops.StringJoin, *, sep: sge.Expression, arg: tuple[sge.Expression, ...]
    ) -> sge.Expression:
        """Texts in one, but for those that are null."""
        return self.f.anon.arrayStringConcat(self.f.array(*arg), sep)

    def visit_ArgMin(
        self, op: ops.ArgMin, *, arg: sge.Expression, key: sge.Expression, where: sge.Expression | None
    ) -> sge.Expression:
        """A value of the row with the smallest key: in a list, or rows where it is null would be passed over."""
        return self.opened(self.agg.argMin(self.f.array(arg), key, where=where))

    def visit_ArgMax(
        self, op: ops.ArgMax, *, arg: sge.Expression, key: sge.Expression, where: sge.Expression | None
    ) -> sge.Expression:
        """See visit_ArgMin."""
        return self.opened(self.agg.argMax(self.f.array(arg), key, where=where))

    def visit_Median(
        self, op: ops.Median, *, arg: sge.Expression, where: sge.Expression | None
    ) -> sge.Expression:
        """Halfway between the two in the middle."""
        return self._visit_quantile("quantileExactInclusive", arg, sge.convert(0.5), where)

    def visit_Quantile(
        self, op: ops.Quantile, *, arg: sge.Expression, quantile: sge.Expression, where: sge.Expression | None
    ) -> sge.Expression:
        """Of all values, not of a sample."""
        return self._visit_quantile("quantileExactInclusive", arg, quantile, where)

    def visit_WindowFunction(
        self, op: ops.WindowFunction, *, func: sge.Expression, **spec: object
    ) -> sge.Expression:
        """A function over rows beside: it is what comes out that is cast."""
        bare = func.this if isinstance(func, sge.Cast) else func
        return super().visit_WindowFunction(op, func=bare, **spec)

    @staticmethod
    def _minimize_spec(op: ops.WindowFunction, spec: sge.WindowSpec) -> sge.WindowSpec | None:
        """Ranks have no frame: in one of ROWS, rows that are equal would have ranks of their own."""
        return None if isinstance(op.func, ops.RankBase) else spec

    def visit_JoinLink(
        self, op: ops.JoinLink, *, how: str, table: sge.Expression, predicates: tuple[sge.Expression, ...]
    ) -> sge.Expression:
        """A join; one with gaps needs something that is equal on both sides, and be it nothing."""
        equal = any(isinstance(predicate, (ops.Equals, ops.IdenticalTo)) for predicate in op.predicates)
        if how not in ("inner", "cross") and not equal:
            sides = {column.table: column for met in predicates for column in met.find_all(sge.Column)}
            left, right = (self.f.anon.ignore(column) for column in sides.values())  # which is 0 for anything
            predicates = (*predicates, left.eq(right))
        return super().visit_JoinLink(op, how=how, table=table, predicates=predicates)

    def visit_ScalarUDF(self, op: ops.ScalarUDF, **arguments: sge.Expression) -> sge.Expression:
        """A function of `database_functions`, as DuckDB has it."""
        first, *others = arguments.values()
        call = self.f.anon
        made: sge.Expression
        match op.__func_name__:
            case "sha256":
                made = call.lower(call.hex(call.SHA256(first)))
            case "hash":
                made = call.sipHash64(first)
            case "bit_count":
                made = call.bitCount(first)
            case "to_hex":
                made = call.replaceRegexpOne(call.hex(first), "^0+(.)", r"\1")
            case "list_distinct":
                made = self.within(first, call.arrayDistinct)
            case "list_intersect":
                theirs = self.opened(*others)
                made = self.within(first, lambda ours: call.arrayIntersect(ours, theirs))
            case "list_has_any":
                made = self.unless_null(first, call.hasAny(self.opened(first), self.opened(*others)))
            case name:
                raise UnsupportedOperationError(f"ClickHouse: {name}")
        return made
