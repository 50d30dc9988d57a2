"""Text in DuckDB's SQL."""

from __future__ import annotations


def sql_text(text: object) -> str:
    """A text or a path as a constant."""
    return "'" + str(text).replace("'", "''") + "'"
