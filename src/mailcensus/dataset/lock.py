"""One writer at a time: a second command on the same study is told so instead of mixing its parts in."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mailcensus.study import StudyError


class WriterLock:
    """An advisory lock on a dataset, held until released or until the process ends, however it ends."""

    def __init__(self, data: Path) -> None:
        """Take the lock.

        Raises:
            StudyError: another process holds it.
        """
        data.mkdir(parents=True, exist_ok=True)
        path = data / ".lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise StudyError(
                f"{path}: another mailcensus is writing to this study; wait for it or stop it first"
            ) from None

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)
