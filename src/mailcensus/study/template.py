"""Writes study.toml: every setting with its meaning as a comment, straight from the declarations.

Settings that have no value stand there commented out with an example, so that the file shows all there are.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mailcensus.study.settings import Settings

_COLUMNS = 110
_HEAD = """\
# A mailcensus study. Every setting there is, with its default where it has one.
# Paths are relative to the directory of this file. After a change: mailcensus population DIR"""


def study_toml(settings: Settings) -> str:
    """A study.toml that reads back as `settings`, commented."""
    return "\n".join([_HEAD, *_section("", settings)])


def _section(name: str, section: BaseModel) -> Iterator[str]:
    """The lines of one table, then those of the tables in it, as TOML wants them."""
    inner: list[tuple[str, FieldInfo, object]] = []
    for field, info in type(section).model_fields.items():
        value = getattr(section, field)
        if isinstance(value, BaseModel | Mapping):
            inner.append((f"{name}.{field}".lstrip("."), info, value))
        else:
            yield from _setting(field, info, value)
    for title, info, value in inner:
        comment = (type(value).__doc__ or "") if isinstance(value, BaseModel) else info.description or ""
        yield from ("", *_comment(comment), f"[{title}]")
        if isinstance(value, BaseModel):
            yield from _section(title, value)
        else:
            yield from _free_table(info, value)


def _setting(name: str, info: FieldInfo, value: object) -> Iterator[str]:
    yield from _comment(info.description or "")
    if value is None:
        yield f"# {name} = {toml_value((info.examples or [''])[0])}"
    else:
        yield f"{name} = {toml_value(value)}"


def _free_table(info: FieldInfo, value: object) -> Iterator[str]:
    """A table whose keys are the user's own."""
    assert isinstance(value, Mapping)
    for key, example in (info.examples or [{}])[0].items() if not value else ():
        yield f"# {key} = {toml_value(example)}"
    for key, member in value.items():
        yield f"{toml_value(key)} = {toml_value(member)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _COLUMNS - 2)]


def toml_value(value: object) -> str:
    """A value as TOML 1.0 writes it.

    Raises:
        TypeError: a kind of value that no setting has.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str() | Path():
            # JSON's escapes are TOML's too; only DEL goes raw in JSON and may not in TOML.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return "[" + ", ".join(map(toml_value, value)) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
