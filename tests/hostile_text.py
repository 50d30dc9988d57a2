"""What strangers might write, and records and tables in which they wrote it wherever text can be."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, TypeVar

import pyarrow as pa

HOSTILE = (
    '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'
    "</script></style></title><svg onload=document.title='owned'>{{7*7}}",
    r"\input{/etc/passwd}$\immediate\write18{id}$ %&#_^~{} \end{document}",
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "-2+3+cmd|'/C calc'!A0",
    "+1;DDE()",
    "\t=1+1",
    "\x1b[2J\x1b]0;owned\x07\x9b31m \x00\x08 gone\r",
    "\u202egnp.exe\u2066\u200f\ufeff\u2028\u0085",
)
"""HTML and script, LaTeX, four beginnings of a formula, a hidden one, terminal escapes, bidirectional controls."""
AT = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
_WORDS = {"service": "smtp", "mail": "mx", "level": "host", "area": "world"}
T = TypeVar("T")


def text_of(number: int) -> str:
    """One of the texts."""
    return HOSTILE[number % len(HOSTILE)]


def record_of(kind: type[T], number: int = 0, **known: Any) -> T:
    """A record whose every text is a stranger's, but for what is known; all that may be there is there.

    Args:
        number: which text; of enumerations which member.
    """
    hints = typing.get_type_hints(kind)
    made = {field.name: _of_type(hints[field.name], number) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**made, **known})


def table_of(schema: pa.Schema) -> pa.Table:
    """Rows of a table of the analysis, every text in them a stranger's."""
    rows = [{field.name: _value(field, i) for field in schema} for i in range(3 * len(HOSTILE))]
    return pa.Table.from_pylist(rows, schema=schema)


def _of_type(hint: Any, number: int) -> Any:
    inner = [one for one in typing.get_args(hint) if one is not type(None)]
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _of_type(inner[0], number), _of_type(inner[0], number + 1)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return {text_of(number): text_of(number + 1)}
    if inner:
        return _of_type(inner[0], number)
    if dataclasses.is_dataclass(hint):
        return record_of(hint, number)  # type: ignore[type-var]
    if issubclass(hint, Enum):
        members = list(hint)
        return members[number % len(members)]
    plain: dict[type, Any] = {
        bytes: b"",
        datetime: AT,
        date: AT.date(),
        bool: True,
        int: number % 100 + 1,
        float: 0.5,
    }
    return text_of(number) if hint is str else plain[hint]


def _value(field: pa.Field, row: int) -> Any:
    text = text_of(row)
    if pa.types.is_string(field.type):
        return _WORDS.get(field.name, text)
    if pa.types.is_list(field.type):
        return [text, text_of(row + 1)] if pa.types.is_string(field.type.value_type) else [1, 2]
    if pa.types.is_boolean(field.type):
        return True
    if pa.types.is_integer(field.type):
        return row + 1
    if pa.types.is_floating(field.type):
        return 0.5
    if pa.types.is_timestamp(field.type):
        return AT
    return AT.date() if pa.types.is_date(field.type) else None
