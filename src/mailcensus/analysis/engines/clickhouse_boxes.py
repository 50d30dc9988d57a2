"""Lists, structs and maps in ClickHouse's SQL, where each stands in a box (`clickhouse_rows`).

One that is null is an empty list, any other the only item of one: what a list is asked goes by way of its first item,
what makes a list puts it into another.
"""

# ruff: noqa: N802 (what Ibis calls its methods)

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.clickhouse import ClickHouseCompiler
from ibis.backends.sql.datatypes import ClickHouseType
from ibis.common.exceptions import UnsupportedOperationError

_list = sg.to_identifier("one_list")
_row = sg.to_identifier("collected_row")

_KNOW_BOXES = (
    *(ops.Field, ops.Literal, ops.Unnest, ops.IsNull, ops.NotNull, ops.Coalesce, ops.IfElse),
    *(
        ops.StructField,
        ops.StructColumn,
        ops.MapGet,
        ops.Array,
        ops.ArrayCollect,
        ops.ArraySort,
        ops.ArraySlice,
    ),
    *(ops.ArrayLength, ops.ArrayIndex, ops.ArrayPosition, ops.ArrayContains, ops.ArrayStringJoin),
    *(ops.StringSplit, ops.ArgMin, ops.ArgMax, ops.ScalarUDF),
)
"""Operations that may be given lists and structs, or make them; any other would see the box."""


class Types(ClickHouseType):
    """How a value is held; all of them may be null."""

    @classmethod
    def from_ibis(cls, dtype: dt.DataType) -> sge.DataType:
        """The type of a value."""
        if dtype.is_timestamp():
            dtype = dt.int64
        elif dtype.is_map():
            dtype = dt.Array(dt.Struct({"key": dtype.key_type, "value": dtype.value_type}))
        made: sge.DataType = super().from_ibis(dtype(nullable=True))
        return _list_of(made) if dtype.is_nested() else made

    @classmethod
    def _from_ibis_Date(cls, dtype: dt.Date) -> sge.DataType:
        return sge.DataType(this=sge.DataType.Type.DATE32)


def _list_of(kind: sge.DataType) -> sge.DataType:
    return sge.DataType(this=sge.DataType.Type.ARRAY, expressions=[kind], nested=True, nullable=False)


class Boxes(ClickHouseCompiler):
    """A compiler that opens boxes and makes them."""

    __slots__ = ()
    type_mapper = Types
    SIMPLE_OPS: ClassVar[dict[type[ops.Node], str]] = {}
    """None: those that are inherited would take the place of methods here."""

    def visit_node(self, op: ops.Node, **arguments: object) -> sge.Expression:
        """Any operation."""
        if _has_nested(op) and not isinstance(op, _KNOW_BOXES):
            raise UnsupportedOperationError(f"ClickHouse: {type(op).__name__} of lists or structs")
        return super().visit_node(op, **arguments)

    def opened(self, box: sge.Expression) -> sge.Expression:
        """The list or struct within; of an empty box an empty one."""
        return self.f.anon.arrayElement(box, 1)

    def within(
        self, box: sge.Expression, change: Callable[[sge.Expression], sge.Expression]
    ) -> sge.Expression:
        """A changed list in a box; null stays null."""
        return self.f.anon.arrayMap(sge.Lambda(this=change(_list), expressions=[_list]), box)

    def unless_null(self, box: sge.Expression, value: sge.Expression) -> sge.Expression:
        """A value that is null where the list is."""
        return self.if_(self.f.anon.notEmpty(box), value, NULL)

    def visit_IsNull(self, op: ops.IsNull, *, arg: sge.Expression) -> sge.Expression:
        """An empty box is null."""
        return self.f.anon.empty(arg) if op.arg.dtype.is_nested() else super().visit_IsNull(op, arg=arg)

    def visit_NotNull(self, op: ops.NotNull, *, arg: sge.Expression) -> sge.Expression:
        """See visit_IsNull."""
        return self.f.anon.notEmpty(arg) if op.arg.dtype.is_nested() else super().visit_NotNull(op, arg=arg)

    def visit_Coalesce(self, op: ops.Coalesce, *, arg: tuple[sge.Expression, ...]) -> sge.Expression:
        """The first that is not null."""
        if not op.dtype.is_nested():
            return super().visit_Coalesce(op, arg=arg)
        *others, made = arg
        for box in reversed(others):
            made = self.if_(self.f.anon.notEmpty(box), box, made)
        return made

    def visit_Literal(self, op: ops.Literal, *, value: object, dtype: dt.DataType) -> sge.Expression:
        """A list or a struct with its type, which an empty one does not show."""
        if not dtype.is_nested():
            return super().visit_Literal(op, value=value, dtype=dtype)
        items = () if value is None else (super().visit_Literal(op, value=value, dtype=dtype),)
        return self.cast(self.f.array(*items), dtype)

    def visit_Array(self, op: ops.Array, *, exprs: tuple[sge.Expression, ...]) -> sge.Expression:
        """A list of what is given."""
        return self.cast(self.f.array(self.f.array(*exprs)), op.dtype)

    def visit_StructColumn(
        self, op: ops.StructColumn, *, names: tuple[str, ...], values: tuple[sge.Expression, ...]
    ) -> sge.Expression:
        """A struct of what is given."""
        return self.cast(self.f.array(self.f.anon.tuple(*values)), op.dtype)

    def visit_StructField(self, op: ops.StructField, *, arg: sge.Expression, field: str) -> sge.Expression:
        """A field: out of the box first, so that its column alone is read."""
        return self.opened(self.f.anon.tupleElement(arg, field))

    def visit_MapGet(
        self, op: ops.MapGet, *, arg: sge.Expression, key: sge.Expression, default: sge.Expression
    ) -> sge.Expression:
        """The value of a key."""
        call = self.f.anon
        pairs = call.arrayFlatten(self.opened(arg))
        place = call.indexOf(call.tupleElement(pairs, "key"), key)
        return self.if_(place > 0, call.arrayElement(call.tupleElement(pairs, "value"), place), default)

    def visit_Unnest(self, op: ops.Unnest, *, arg: sge.Expression) -> sge.Expression:
        """A row for each item."""
        return self.f.anon.arrayJoin(self.opened(arg))

    def visit_ArraySort(self, op: ops.ArraySort, *, arg: sge.Expression) -> sge.Expression:
        """A list in order."""
        return self.within(arg, self.f.anon.arraySort)

    def visit_ArraySlice(
        self, op: ops.ArraySlice, *, arg: sge.Expression, start: sge.Expression, stop: sge.Expression | None
    ) -> sge.Expression:
        """A part of a list."""
        part = super().visit_ArraySlice
        return self.within(arg, lambda items: part(op, arg=items, start=start, stop=stop))

    def visit_ArrayLength(self, op: ops.ArrayLength, *, arg: sge.Expression) -> sge.Expression:
        """How many items."""
        return self.unless_null(arg, self.f.anon.length(self.opened(arg)))

    def visit_ArrayIndex(
        self, op: ops.ArrayIndex, *, arg: sge.Expression, index: sge.Expression
    ) -> sge.Expression:
        """The item at a place, from 0 on or from the end; null: there is none."""
        place = self.if_(index >= 0, index + 1, index)
        return self.f.anon.arrayElement(self.opened(arg), place)

    def visit_ArrayPosition(
        self, op: ops.ArrayPosition, *, arg: sge.Expression, other: sge.Expression
    ) -> sge.Expression:
        """The first place of a value, from 1 on; 0: there is none."""
        return self.unless_null(arg, self.f.anon.indexOf(self.opened(arg), other))

    def visit_ArrayContains(
        self, op: ops.ArrayContains, *, arg: sge.Expression, other: sge.Expression
    ) -> sge.Expression:
        """Whether a value is in a list."""
        return self.unless_null(arg, self.f.anon.has(self.opened(arg), other))

    def visit_ArrayStringJoin(
        self, op: ops.ArrayStringJoin, *, arg: sge.Expression, sep: sge.Expression
    ) -> sge.Expression:
        """The texts of a list in one."""
        return self.unless_null(arg, self.f.anon.arrayStringConcat(self.opened(arg), sep))

    def visit_StringSplit(
        self, op: ops.StringSplit, *, arg: sge.Expression, delimiter: sge.Expression
    ) -> sge.Expression:
        """A list of the parts of a text."""
        parts = self.f.array(self.f.anon.splitByString(delimiter, self.f.anon.assumeNotNull(arg)))
        return self.cast(self.if_(arg.is_(NULL), self.f.array(), parts), op.dtype)

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
        """What is to be in order is collected behind what it is ordered by, sorted and taken out again.

        No values are null, as in DuckDB.
        """
        if include_null or any(key.args.get("desc") for key in order_by):
            raise UnsupportedOperationError(
                "ClickHouse: lists are collected in ascending order, without null"
            )
        call = self.f.anon
        kept = arg.is_(sg.not_(NULL))
        rows = call["groupUniqArrayIf" if distinct else "groupArrayIf"](
            call.tuple(*(key.this for key in order_by), arg), kept if where is None else sg.and_(where, kept)
        )
        value = sge.Lambda(this=call.tupleElement(_row, len(order_by) + 1), expressions=[_row])
        values = call.arrayMap(value, call.arraySort(rows) if order_by else rows)
        some = sge.Lambda(this=call.notEmpty(_list), expressions=[_list])
        return self.cast(call.arrayFilter(some, self.f.array(values)), op.dtype)


def _has_nested(op: ops.Node) -> bool:
    """Whether a value is a list, a struct or a map, or is made of one."""
    if not isinstance(op, ops.Value):
        return False
    parts = [part for part in op.__args__ if isinstance(part, ops.Value)]
    return any(value.dtype.is_nested() for value in (op, *parts))
