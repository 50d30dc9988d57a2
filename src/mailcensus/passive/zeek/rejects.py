"""Rows that cannot be read: where they stand and why, never what they say, since logs name clients and senders."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mailcensus.study import StageFailed

_KEPT = 100_000
"""Places that are written down; more are only counted, since a file of the wrong kind is nothing but bad rows."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be read."""

    line: int
    reason: str


class Rejects:
    """Bad rows of one file, in data/rejects/<name>.jsonl; there is no such file where there are none.

    Attributes:
        count: all of them, those included that were not written down.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.path = folder / f"{source}.jsonl"
        self.count = 0
        self.path.unlink(missing_ok=True)

    def add(self, rows: list[BadRow]) -> None:
        """Count rows, and write down where they are.

        Raises:
            StageFailed: it cannot be written.
        """
        room = max(0, _KEPT - self.count)
        self.count += len(rows)
        kept = [json.dumps({"line": row.line, "reason": row.reason}) + "\n" for row in rows[:room]]
        if not kept:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(kept)
        except OSError as error:
            raise StageFailed(f"{self.path}: cannot be written: {error.strerror or error}") from None
