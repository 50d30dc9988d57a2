"""ClickHouse's engine in a process of its own, which ends with us: `clickhouse_engine` says what it stands for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

_STOP_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEngine:
    """The engine, for one session at its URL."""

    url: str
    pid: int


def clickhouse_is_there() -> bool:
    """Whether the engine and a client of it are installed: scripts/install-clickhouse."""
    return find_spec("chdb") is not None and find_spec("clickhouse_connect") is not None


def need_clickhouse() -> None:
    """Skip the test where they are not."""
    if not clickhouse_is_there():
        pytest.skip("clickhouse's engine is not installed: scripts/install-clickhouse")


@contextmanager
def clickhouse_server() -> Iterator[RunningEngine]:
    """An engine until the block is left."""
    command = [sys.executable, "-m", "realservers.clickhouse_engine"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            port = int(server.stdout.readline())
            yield RunningEngine(url=f"clickhouse://127.0.0.1:{port}", pid=server.pid)
        finally:
            server.stdin.close()
            server.wait(_STOP_S)
