"""Rows of an older shape as rows of today's: what was not recorded then is null, at any depth.

Null means "not asked or not answered" in every table, and that is what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import ibis
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType

from mailcensus.dataset.migrations.version import footer_of, version_of
from mailcensus.dataset.sql_text import sql_text


def reshaped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table in a newer shape; columns that the newer one has not are left out.

    Raises:
        pa.ArrowException: a column that may not be null is missing, or a type has changed: that needs a step.
    """
    for field in schema:
        if field.name not in table.column_names:
            if not field.nullable:
                raise pa.ArrowInvalid(f"column {field.name} is missing and may not be null")
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names).cast(schema)


def query_of(files: Sequence[Path], schema: pa.Schema) -> str:
    """The query, DuckDB's SQL, that shows parts in one shape, whichever they have.

    Raises:
        StudyError: a part cannot be read, or is of a newer mailcensus.
    """
    shapes: dict[str, tuple[pa.Schema, list[Path]]] = {}
    for file in files:
        old = footer_of(file)
        version_of(file, old)
        shapes.setdefault(str(old.remove_metadata()), (old, []))[1].append(file)
    if all(_alike(old, schema) for old, _ in shapes.values()):
        return f"SELECT * FROM {_parts(files)}"
    return " UNION ALL ".join(
        f"SELECT {select_of(old, schema)} FROM {_parts(those)}" for old, those in shapes.values()
    )


def _parts(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(sql_text, files))}])"


def select_of(old: pa.Schema, new: pa.Schema) -> str:
    """The select list, DuckDB's SQL, that shows rows of an older shape in a newer one."""
    names = set(old.names)
    return ", ".join(f"{_column(field, old, names)} AS {_quoted(field.name)}" for field in new)


def _alike(old: pa.Schema, new: pa.Schema) -> bool:
    """Whether DuckDB reads them alike: it does not ask which members of a struct may be null.

    A struct that is put together anew is read whole, whichever of its members is asked for.
    """
    return old.names == new.names and [*map(_type_name, old.types)] == [*map(_type_name, new.types)]


def _column(field: pa.Field, old: pa.Schema, names: set[str]) -> str:
    if field.name not in names:
        return f"CAST(NULL AS {_type_name(field.type)})"
    return _as_is(_quoted(field.name), old.field(field.name).type, field.type)


def _as_is(value: str, old: pa.DataType, new: pa.DataType) -> str:
    if _type_name(old) == _type_name(new):
        return value
    if pa.types.is_struct(new) and pa.types.is_struct(old):
        return f"CASE WHEN {value} IS NOT NULL THEN {{{_members(value, old, new)}}} END"
    if pa.types.is_list(new) and pa.types.is_list(old):
        inner = _as_is("entry", old.value_type, new.value_type)
        return value if inner == "entry" else f"list_transform({value}, lambda entry: {inner})"
    return value


def _members(value: str, old: pa.StructType, new: pa.StructType) -> str:
    known = {field.name: field.type for field in _fields(old)}
    return ", ".join(
        f"{_quoted(field.name)}: "
        + (
            _as_is(f"{value}.{_quoted(field.name)}", known[field.name], field.type)
            if field.name in known
            else f"CAST(NULL AS {_type_name(field.type)})"
        )
        for field in _fields(new)
    )


def _fields(struct: pa.StructType) -> Iterable[pa.Field]:
    return (struct.field(at) for at in range(struct.num_fields))


@cache
def _type_name(kind: pa.DataType) -> str:
    name: str = DuckDBType.to_string(ibis.dtype(kind))
    return name


def _quoted(name: str) -> str:
    return f'"{name}"'
