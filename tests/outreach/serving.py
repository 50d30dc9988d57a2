"""A site in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(directory: Path, settings: str) -> Iterator[str]:
    """Serve the site of a study with these settings, on loopback; its URL without the last slash.

    It must end with status 0 when told to.
    """
    (directory / "study.toml").write_text(settings)
    complaints = directory / "stderr"
    with complaints.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailcensus", "outreach", "serve", str(directory)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127."), complaints.read_text()
            yield url.rstrip("/")
        finally:
            process.terminate()
            process.wait(100)
    assert process.returncode == 0, complaints.read_text()
