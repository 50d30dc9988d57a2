"""Where in 127.0.0.0/8 the processes of a test run listen: each at places of its own, so that none meets another."""

from __future__ import annotations

import os
import secrets
from itertools import count

_NUMBERS = count(secrets.randbelow(256))
_BLOCKS = 16
"""Blocks that one process may have."""


def _worker() -> int:
    """The number of this process in its test run."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _session() -> int:
    """A number of this test run, which others at the same time hardly have."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def own_block(number: int = 0) -> str:
    """A /24 in 127.100.0.0 to 127.198.0.0 that no other process of this run has, by a number below 16."""
    place = _worker() * _BLOCKS + number
    return f"127.{100 + (_session() + place // 256) % 99}.{place % 256}.0/24"


def fresh_network() -> str:
    """The first three numbers of a /24 in 127.64.0.0 to 127.99.0.0 that this process has not had of late."""
    return f"127.{64 + (_session() + _worker()) % 36}.{next(_NUMBERS) % 256}"
