"""65,536 addresses behind a cable: two network namespaces joined by a veth pair.

    asking side  ==veth==  10.99.0.0/16, all local to the answering side

In the answering side one process listens on some of the addresses (hits), the kernel refuses on most others (RST),
and routes into nowhere swallow what goes to the rest (silence). Nothing leaves the two namespaces.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

POPULATION = "10.99.0.0/16"
_SILENT = ("10.99.40.0/24", "10.99.77.64/26", "10.99.200.128/25")
_NUMBERS = count()


@dataclass(frozen=True)
class World:
    """What a test gets: how to run something on the asking side, and the truth."""

    namespace: str
    listening: frozenset[str]
    gateway_mac: str
    interface: str = "ask"

    def command(self, *words: str) -> list[str]:
        """A command line that runs on the asking side."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def mailcensus(self, *words: str) -> list[str]:
        """A mailcensus command line that runs on the asking side."""
        return self.command(sys.executable, "-m", "mailcensus", *words)


def need(*programs: str) -> None:
    """Skip the test where we are not root or a program is missing."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for program in ("ip", *programs):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")


@contextmanager
def world(
    listeners: int = 1_000, *, ports: Sequence[int] = (25,), loss: float = 0.0, seed: int = 1
) -> Iterator[World]:
    """Make the two namespaces; they end with the block.

    Args:
        listeners: how many addresses listen.
        ports: on which ports.
        loss: share of segments to the listeners that are lost on their way, each by itself.
    """
    name = f"mc{os.getpid()}-{next(_NUMBERS)}"
    ask, answer = f"{name}a", f"{name}b"
    chance = random.Random(seed)
    open_to = [f"10.99.{number >> 8}.{number & 255}" for number in range(1 << 16) if not _is_silent(number)]
    listening = frozenset(chance.sample(open_to, listeners))
    with ExitStack() as stack:
        for namespace in (ask, answer):
            _ip("netns", "add", namespace)
            stack.callback(_ip, "netns", "del", namespace)
        _ip("link", "add", "ask", "netns", ask, "type", "veth", "peer", "name", "answer", "netns", answer)
        # masscan's receive buffer holds 16 packets where segments are joined, over a thousand where not.
        subprocess.run(
            ["ip", "netns", "exec", ask, "ethtool", "-K", "ask", "gso", "off", "tso", "off", "gro", "off"],
            check=True,
            capture_output=True,
        )
        _ip("-n", ask, "addr", "add", "10.98.0.1/30", "dev", "ask")
        _ip("-n", answer, "addr", "add", "10.98.0.2/30", "dev", "answer")
        for namespace, link in ((ask, "ask"), (answer, "answer")):
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "link", "set", link, "up")
        _ip("-n", ask, "route", "add", "default", "via", "10.98.0.2")
        _ip("-n", answer, "route", "add", "local", POPULATION, "dev", "lo")
        for prefix in _SILENT:
            _ip("-n", answer, "route", "add", "blackhole", prefix, "table", "local")
        link = json.loads(_ip("-n", answer, "-j", "link", "show", "answer"))
        responder = stack.enter_context(_responder(answer, sorted(listening), ports, loss))
        assert responder.stdout is not None
        assert responder.stdout.readline() == b"ready\n"
        yield World(ask, listening, link[0]["address"])


@contextmanager
def _responder(
    namespace: str, listening: Sequence[str], ports: Sequence[int], loss: float
) -> Iterator[subprocess.Popen[bytes]]:
    program = Path(__file__).with_name("responder.py")
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        told = {"listening": list(listening), "ports": list(ports), "loss": loss}
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()  # it stays open: the responder ends with it
        yield process
    finally:
        process.kill()
        process.wait()


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20).stdout


def _is_silent(number: int) -> bool:
    third, fourth = number >> 8, number & 255
    return third == 40 or (third == 77 and fourth >> 6 == 1) or (third == 200 and fourth >= 128)
