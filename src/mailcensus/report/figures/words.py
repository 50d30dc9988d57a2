"""Text of strangers, before it is drawn: matplotlib has no glyph for a control character, and fails over some."""

from __future__ import annotations

import pyarrow as pa

from mailcensus.wire.visible import visible

_LONGEST = 80
"""Characters of a name in a drawing; the table beside it has all."""


def drawable(table: pa.Table) -> pa.Table:
    """The table with every text as `visible` has it, cut to what a drawing has room for."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            distinct = table.column(place).combine_chunks().dictionary_encode()
            words = pa.array([_word(word) for word in distinct.dictionary.to_pylist()], field.type)
            table = table.set_column(place, field, words.take(distinct.indices))
    return table


def _word(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
