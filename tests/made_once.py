"""What several files of tests read and none changes, made by the first of them, whichever process it runs in."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of this session, as `make` leaves it; others wait meanwhile.

    Raises:
        Exception: what `make` raises; whoever comes next tries again in a new folder.
    """
    session = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent  # it has one folder for each process
    with (session / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pointer = session / f"{name}.made"
        if not pointer.exists():
            folder = factory.mktemp(name)
            make(folder)
            pointer.write_text(str(folder))
    return Path(pointer.read_text())
