"""Rows of an import that cannot be read: where they stand, why, and what they say, in `data/rejects/<name>.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import IO

from mailcensus.dataset.imports.rows import Reject
from mailcensus.study import StageFailed

_KEPT = 100_000
"""Rows that are written down; more are only counted, since a file of the wrong kind is nothing but bad rows."""
_KEPT_CHARACTERS = 2_000
"""Of a row."""


class Rejects:
    """Bad rows of one import; there is no file where there are none. Use as a context manager.

    Attributes:
        path: the file.
        count: all bad rows, those included that were not written down.

    Raises:
        StageFailed: the file of an earlier try cannot be removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_write(error) from None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Reject, source: str | None = None) -> None:
        """Count a row, and write it down.

        Args:
            source: the file that it stands in, where there are several.
        Raises:
            StageFailed: it cannot be written.
        """
        self.count += 1
        if self.count > _KEPT:
            return
        named = {} if source is None else {"file": source}
        kept = {**named, "line": row.line, "reason": row.reason, "row": row.text[:_KEPT_CHARACTERS]}
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("w", encoding="utf-8")
            self._file.write(json.dumps(kept) + "\n")
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> StageFailed:
        return StageFailed(f"{self.path}: cannot be written: {error.strerror or error}")
