"""Attempts on disk: a journal first, Parquet parts a little later; a kill at any instant loses none.

Every milestone of a connection is one line of the journal, in the kernel's hands before the sender is answered. Those
that are over become rows of `attempts` every few seconds. Whoever opens the dataset again finds in the journal the
connections that were open when the process died, and records them as `interrupted`, with all that was known. Lines
whose row is on disk already are passed over, so no attempt is there twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mailcensus.dataset.files import sync
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import Attempt
from mailcensus.study import StageFailed

_RECORD = TypeAdapter(Attempt)
_OPEN, _OVER = b"o", b"x"
_JOURNAL_BYTES = 4 << 20
"""The journal is begun anew when it is longer than this."""
_COMPACT_EVERY = 64


class Keeper:
    """Takes records of attempts. One per dataset at a time.

    Attributes:
        recorded: attempts that are over, since it was opened.
        recovered: attempts that an earlier process left open.
    """

    def __init__(self, data: Path) -> None:
        """Open, and record what an earlier process left.

        Raises:
            StageFailed: the disk refuses.
        """
        self._parts = PartWriter(data, "attempts", Attempt)
        self._path = data / "attempts.journal"
        self._open: dict[str, bytes] = {}
        self._over: list[Attempt] = []
        self._flushes = 0
        self.recorded = 0
        self.recovered = 0
        left = self._left(data)
        try:
            self._parts.write(left)
            self._file = self._path.open("wb", buffering=0)
            sync(data)
        except OSError as error:
            raise StageFailed(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def keep(self, record: Attempt, over: bool) -> None:
        """Take a record as it is now; it is final when the attempt is over.

        Raises:
            StageFailed: the journal cannot be written.
        """
        line = (_OVER if over else _OPEN) + _RECORD.dump_json(record) + b"\n"
        self._write(line)
        if over:
            self._open.pop(record.attempt_id, None)
            self._over.append(record)
            self.recorded += 1
        else:
            self._open[record.attempt_id] = line

    def flush(self) -> None:
        """Make rows of what is over.

        Raises:
            StageFailed: they could not be written; they stay in the journal.
        """
        if self._over:
            self._parts.write(self._over)
            self._over = []
            self._flushes += 1
            if self._flushes % _COMPACT_EVERY == 0:
                self._parts.compact_tiers()
        if self._file.tell() > _JOURNAL_BYTES:
            self._begin_anew()

    def close(self) -> None:
        """Record what is still open as interrupted, and leave an empty journal behind."""
        self._over += [_RECORD.validate_json(line[1:]) for line in self._open.values()]
        self._open = {}
        self.flush()
        self._parts.compact()
        self._begin_anew()
        self._file.close()

    def _begin_anew(self) -> None:
        temporary = self._path.with_suffix(".tmp")
        try:
            file = temporary.open("wb", buffering=0)
            file.write(b"".join(self._open.values()))
            os.fsync(file.fileno())
            temporary.replace(self._path)
            self._file.close()
            self._file = file
        except OSError as error:
            raise StageFailed(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            raise StageFailed(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def _left(self, data: Path) -> list[Attempt]:
        """What the journal has and the table has not; the last line of an attempt counts."""
        last = {record.attempt_id: (over, record) for over, record in _lines(self._path)}
        if not last:
            return []
        on_disk = set(values_of(data / "attempts", "attempt_id"))
        left = [(over, record) for name, (over, record) in last.items() if name not in on_disk]
        self.recovered = sum(not over for over, _ in left)
        return [record for _, record in left]


def _lines(journal: Path) -> Iterator[tuple[bool, Attempt]]:
    """Every whole line; a line that a crash cut is passed over, what was before it stands."""
    try:
        raw = journal.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StageFailed(f"{journal}: cannot be read: {error.strerror or error}") from error
    for line in raw.splitlines():
        try:
            yield line[:1] == _OVER, _RECORD.validate_json(line[1:])
        except ValidationError:
            continue
