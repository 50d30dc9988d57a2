"""What is said to the user, on stderr; stdout is for data."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.text import Text

from mailcensus.wire.visible import visible

TALK = Console(stderr=True, highlight=False, soft_wrap=True)
"""Looks up `sys.stderr` at each use."""


def say(text: str) -> None:
    """One line, as it is: no markup is read in it, and what would not print is escaped."""
    TALK.print(Text(visible(text)))


def complain(text: str) -> None:
    """One line about trouble, with our name before it."""
    say(f"mailcensus: {text}")


def waiting(text: str, *, quiet: bool = False) -> AbstractContextManager[object]:
    """Shows on a terminal that something is under way which cannot say how far it is."""
    return nullcontext() if quiet or not TALK.is_terminal else TALK.status(Text(visible(text)))


class TalkHandler(logging.Handler):
    """Log records of the rooms below (a bad exclusion file while a scan runs) become complaints."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        complain(record.getMessage())
