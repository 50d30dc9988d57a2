"""What is said to the user, on stderr; stdout is for data.

Lines for people, or with `--log-format json` one JSON object a line for programs: time, level, message, and the module
where a room below said it. There are no bars then.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from mailcensus.wire.visible import visible

TALK = Console(stderr=True, highlight=False, soft_wrap=True)
"""Looks up `sys.stderr` at each use."""


class LogFormat(StrEnum):
    """What --log-format takes."""

    TEXT = "text"
    JSON = "json"


class _Form:
    """The form of this process's talk; set once, by the command's own option."""

    chosen = LogFormat.TEXT


def talk_in(form: LogFormat) -> None:
    """Say everything from now on in a form."""
    _Form.chosen = form


def draws_bars() -> bool:
    """Whether somebody looks on at a terminal."""
    return TALK.is_terminal and _Form.chosen is LogFormat.TEXT


def say(text: str) -> None:
    """One line, as it is: no markup is read in it, and what would not print is escaped."""
    _put("info", text, text)


def complain(text: str) -> None:
    """One line about trouble, with our name before it."""
    _put("error", text, f"mailcensus: {text}")


def waiting(text: str, *, quiet: bool = False) -> AbstractContextManager[object]:
    """Shows on a terminal that something is under way which cannot say how far it is."""
    return nullcontext() if quiet or not draws_bars() else TALK.status(Text(visible(text)))


class TalkHandler(logging.Handler):
    """Log records of the rooms below (a bad exclusion file while a scan runs) become complaints."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        message = record.getMessage()
        _put(record.levelname.lower(), message, f"mailcensus: {message}", record.name)


def _put(level: str, message: str, line: str, module: str | None = None) -> None:
    if _Form.chosen is LogFormat.TEXT:
        TALK.print(Text(visible(line)))
        return
    said = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "message": message}
    sys.stderr.write(json.dumps(said if module is None else {**said, "module": module}) + "\n")
    sys.stderr.flush()
