"""Processes beside this one end with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.slow
def test_processes_end_with_a_parent_that_is_killed() -> None:
    program = (
        "import os, time\n"
        "from mailcensus.dataset.processes import pool_of\n"
        "pool = pool_of(1, print, 'it is called first')\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == b"it is called first\n"
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    end_s = time.monotonic() + 60
    while _is_alive(child) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not _is_alive(child)


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
