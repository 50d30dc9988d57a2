"""The two sides of a connection, and the errors of either."""

from __future__ import annotations

from enum import IntEnum

from mailcensus.wire.errors import WireError


class Side(IntEnum):
    """Who sent some bytes."""

    CLIENT = 0
    SERVER = 1


_WORDS = ("client", "server")


def words_of(side: Side, error: WireError) -> str:
    """An error in one line that quotes nobody: what stands behind a colon may be anybody's words."""
    return f"{_WORDS[side]}: {type(error).__name__}: {str(error).partition(':')[0][:100]}"
