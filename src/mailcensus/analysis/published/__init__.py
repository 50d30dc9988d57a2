"""What others published, to stand beside our rows: the TOML files hold the values, each with its source.

A value belongs to the rows of a table in which the columns of `row` have these values, and is to be compared with
the column `column`; shares are shares (0.31, not 31), so that both are of one unit. Only what the paper says in so
many words is there; years and definitions differ, so the two stand side by side and nothing is worked out of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

import ibis

from mailcensus.model import Column

Published = Annotated[
    float | None,
    Column("what was published for this row; `published_values` says of which column; null: nothing"),
]
Source = Annotated[str | None, Column("who published it, where; null: nobody")]

_FILES = ("values.toml", "where_is_your_mail.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedValue:
    """One number that somebody published."""

    table: str
    """Name of our table."""
    row: Mapping[str, str | int]
    """Columns and their values that name the row."""
    column: str
    """The column with which it is to be compared."""
    value: float
    unit: str
    """share, or what is counted."""
    paper: str
    where: str
    """Table, figure or section."""
    beside: bool = True
    """It stands in the table's column `published`; false: in `published_values` only."""
    note: str | None = None
    """What to mind when comparing."""

    @property
    def source(self) -> str:
        return f"{self.paper}, {self.where}"


@cache
def published_values() -> tuple[PublishedValue, ...]:
    """Every value, in the order of the files."""
    folder = files("mailcensus.analysis.published")
    texts = [(folder / name).read_text("utf-8") for name in _FILES]
    return tuple(PublishedValue(**row) for text in texts for row in tomllib.loads(text)["value"])


def beside(rows: ibis.Table, table: str) -> ibis.Table:
    """The rows of one of our tables with the columns `published` and `source`; null where nothing was published."""
    values = [value for value in published_values() if value.table == table and value.beside]
    number, source = ibis.null("float64"), ibis.null("string")
    for value in reversed(values):
        here = ibis.and_(*(rows[name] == wanted for name, wanted in value.row.items()))
        number, source = here.ifelse(value.value, number), here.ifelse(value.source, source)
    return rows.mutate(published=number, source=source)
