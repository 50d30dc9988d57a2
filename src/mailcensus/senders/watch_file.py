"""When the receivers were up: a file of signs of life, and a row once that time is over, crashed or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mailcensus.dataset.files import replace_file
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import SenderWatch
from mailcensus.study import StageFailed

_WATCH = TypeAdapter(SenderWatch)


class WatchFile:
    """The time in which this process serves."""

    def __init__(self, data: Path, run_id: str, now: datetime) -> None:
        """Begin; the time of an earlier process that did not say its end becomes a row.

        Raises:
            StageFailed: the disk refuses.
        """
        self._path = watch_path(data)
        self._parts = PartWriter(data, "sender_watches", SenderWatch)
        left = current_watch(data)
        if left is not None:
            self._parts.write([replace(left, crashed=True)])
        self._watch = SenderWatch(run_id=run_id, started_at=now, ended_at=now)
        self._store()

    def alive(self, now: datetime, *, attempts: int, dropped: int) -> None:
        """A sign of life.

        Raises:
            StageFailed: the disk refuses.
        """
        self._watch = replace(self._watch, ended_at=now, attempts=attempts, dropped=dropped)
        self._store()

    def close(self) -> None:
        """The receivers are down, as they should be."""
        self._parts.write([self._watch])
        self._path.unlink(missing_ok=True)

    def _store(self) -> None:
        try:
            replace_file(self._path, _WATCH.dump_json(self._watch))
        except OSError as error:
            raise StageFailed(f"{self._path}: cannot be written: {error.strerror or error}") from error


def watch_path(data: Path) -> Path:
    """Where the sign of life is."""
    return data / "sender-watch.json"


def current_watch(data: Path) -> SenderWatch | None:
    """The time that is not over yet, or that a crash ended; None: there is none."""
    try:
        return _WATCH.validate_json(watch_path(data).read_bytes())
    except (OSError, ValidationError):  # half a file says nothing: that time is not known to be watched
        return None
