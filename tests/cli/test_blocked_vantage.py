"""The Irish case: a zero from a vantage that can see, from one whose port is dropped, and from one nobody watched.

Three studies of one population that says nothing, as behind firewalls that drop. The reports must differ, and be
right: a finding, no finding, and nobody can tell.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from closed_way import close_way
from mailcensus.dataset.tables import Dataset

pytestmark = pytest.mark.slow

CANARIES = ("127.67.200.1", "127.67.201.1")
STUDY = """\
[study]
allow_special = true
[population]
prefixes = "prefixes.txt"
[politeness]
connections_per_s = 2000.0
prefix_connections_per_s = 2000.0
prefix_connections = 500
in_flight = 100
[discovery]
ports = [{port}]
timeout_s = 0.5
[canaries]
hosts = [{canaries}]
share = 0.1
rest_s = 0.02
retry_s = 0.05
"""


@contextmanager
def world(*, blocked: bool) -> Iterator[int]:
    """A port on which every address of loopback is silent, but for canaries that answer unless we are blocked."""
    with socket.create_server(("0.0.0.0", 0), reuse_port=True) as everyone:
        close_way([everyone])
        port = everyone.getsockname()[1]
        canaries = [socket.create_server((ip, port), backlog=500, reuse_port=True) for ip in CANARIES]
        if blocked:
            close_way(canaries)
        try:
            yield port
        finally:
            for canary in canaries:
                canary.close()


def study(directory: Path, port: int, *canaries: str) -> Path:
    directory.mkdir()
    (directory / "prefixes.txt").write_text("127.67.0.0/25\n")
    hosts = ", ".join(f'"{canary}"' for canary in canaries)
    (directory / "study.toml").write_text(STUDY.format(port=port, canaries=hosts))
    return directory


def first_notice(directory: Path) -> str:
    """What the report says before anything else."""
    page = (directory / "report" / "index.html").read_text()
    found = re.search(r'<div class="notice" role="note">(.*?)</div>', page, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", " ", found[1])


def verdict(directory: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    (row,) = pq.read_table(directory / "data" / "analysis" / "vantage_verdict.parquet").to_pylist()
    return row  # type: ignore[no-any-return]


def run_until_paused(directory: Path, asks: int) -> str:
    """Run without preflight; interrupted once canaries have been asked so often in vain."""
    command = [sys.executable, "-m", "mailcensus", "run", str(directory), "--quiet", "--without-preflight"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 120
    while Dataset(directory / "data").table("canaries").count().to_pyarrow().as_py() < asks:
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    return said


def test_nobody_behind_a_vantage_that_can_see_is_a_finding(mailcensus: Any, tmp_path: Path) -> None:
    with world(blocked=False) as port:
        directory = study(tmp_path / "seeing", port, *CANARIES)
        assert mailcensus("run", directory, "-q").status == 0
    said = first_notice(directory)
    assert "128 addresses were asked" in said
    assert "this is a finding" in said
    assert "no finding" not in said
    found = verdict(directory)
    assert (found["verdict"], found["zero_is_finding"], found["hits"]) == ("open", True, 0)
    assert found["answered"] == found["asks"] > 4
    page = (directory / "report" / "index.html").read_text()
    assert "Could we have seen them?" in page
    assert "2 of 2 known responders answered" not in page  # what is well is one line
    assert "egress" in page


def test_nobody_behind_a_dropped_port_is_no_finding(mailcensus: Any, tmp_path: Path) -> None:
    with world(blocked=True) as port:
        directory = study(tmp_path / "blind", port, *CANARIES)
        assert mailcensus("run", directory, "-q").status == 1
        said = run_until_paused(directory, asks=6)
        assert mailcensus("report", directory, "-q").status == 0
    assert "paused: none of 2 canaries answers at all" in said
    notice = first_notice(directory)
    assert "this is no finding" in notice
    assert "says nothing about the population" in notice
    found = verdict(directory)
    assert (found["verdict"], found["zero_is_finding"], found["answered"]) == ("blind", False, 0)


def test_a_zero_that_nobody_watched_is_never_a_finding(mailcensus: Any, tmp_path: Path) -> None:
    with world(blocked=True) as port:
        directory = study(tmp_path / "unwatched", port)
        assert mailcensus("run", directory, "-q").status == 0
    said = first_notice(directory)
    assert "nobody can tell" in said
    assert "this is a finding" not in said
    found = verdict(directory)
    assert (found["verdict"], found["zero_is_finding"]) == ("cannot_tell", None)
