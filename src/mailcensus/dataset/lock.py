"""One writer at a time: a second command on the same study is told so instead of mixing its parts in."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mailcensus.dataset.migrations.refusal import refuse_outdated
from mailcensus.study import StudyError


class WriterLock:
    """An advisory lock on a dataset, held until released or until the process ends, however it ends."""

    def __init__(self, data: Path, *, upgrading: bool = False) -> None:
        """Take the lock.

        Args:
            upgrading: to write its older parts anew; others may not write beside these.

        Raises:
            StudyError: another process holds it, or an earlier mailcensus wrote the dataset.
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
        if not upgrading:
            try:
                refuse_outdated(data)
            except StudyError:
                self.release()
                raise

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)
