"""How a record's fields become columns: one annotation carries the type and the sentence that explains it.

A record is a frozen dataclass whose fields are written `Annotated[type, Column("what it means")]`. Its Arrow
schema, the generated schema reference and the writer all read that one declaration.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """What a field means, and its Arrow type where the Python type does not settle it."""

    doc: str
    arrow: pa.DataType | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One resolved field of a record class."""

    name: str
    doc: str
    arrow: pa.DataType
    nullable: bool
    record: type | None
    """The nested record class, for a struct or a list of structs."""
    is_list: bool


_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
    date: pa.date32(),
}


@cache
def fields_of(record: type) -> tuple[Field, ...]:
    """The columns of a record class, in order.

    Raises:
        TypeError: a field has no Column annotation or a type that has no Arrow form.
    """
    hints = typing.get_type_hints(record, include_extras=True)
    return tuple(_field(record, field.name, hints[field.name]) for field in dataclasses.fields(record))


@cache
def schema_of(record: type) -> pa.Schema:
    """The Arrow schema of a record class."""
    return pa.schema([pa.field(f.name, f.arrow, nullable=f.nullable) for f in fields_of(record)])


def _field(record: type, name: str, hint: object) -> Field:
    column = next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Column)), None)
    if column is None:
        raise TypeError(f"{record.__name__}.{name} has no Column annotation")
    inner: object = typing.get_args(hint)[0]
    nullable = False
    if isinstance(inner, types.UnionType) or typing.get_origin(inner) is typing.Union:
        members = [m for m in typing.get_args(inner) if m is not type(None)]
        nullable, inner = True, members[0]
    is_list = typing.get_origin(inner) is tuple
    if is_list:
        inner = typing.get_args(inner)[0]
    nested = inner if isinstance(inner, type) and dataclasses.is_dataclass(inner) else None
    arrow = column.arrow or _arrow_type(record, name, inner)
    return Field(name, column.doc, pa.list_(arrow) if is_list else arrow, nullable, nested, is_list)


def _arrow_type(record: type, name: str, inner: object) -> pa.DataType:
    if isinstance(inner, type):
        if dataclasses.is_dataclass(inner):
            return pa.struct([pa.field(f.name, f.arrow, nullable=f.nullable) for f in fields_of(inner)])
        if issubclass(inner, StrEnum):
            return pa.string()
        if inner in _SCALARS:
            return _SCALARS[inner]
    raise TypeError(f"{record.__name__}.{name}: {inner!r} has no Arrow type")
