"""Lists in CSV, which has none: one way for every file of ours, the analysis's own and the report's downloads."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

LIST_SEPARATOR = "; "
"""Between the members of a list. Not a space: names and words that are members may have spaces of their own."""


def joined(members: Iterable[str | int]) -> str:
    """A list as the text of one cell, its members in order."""
    return LIST_SEPARATOR.join(map(str, members))


def flat(table: pa.Table) -> pa.Table:
    """A table for CSV: every column of lists as `joined` would have it; an unknown list stays unknown."""
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = table.column(place).cast(pa.list_(pa.string()))
            table = table.set_column(place, field.name, pc.binary_join(texts, LIST_SEPARATOR))
    return table
