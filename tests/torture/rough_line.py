"""A line between two network namespaces that loses, delays, reorders and doubles packets, by a seed.

`tc netem` does the same in the kernel, where it has it; this needs only /dev/net/tun. Two TUN devices, one in each
namespace, and a thread in between that reads packets from one and writes them to the other.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import namespaces

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET_BYTES = 65_536
_NUMBERS = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Roughness:
    """What happens to packets, each by itself."""

    loss: float
    duplicates: float
    delay_s: float
    jitter_s: float
    """At most so much more; more than the time between packets, so that they overtake one another."""
    seed: int


class Line(threading.Thread):
    """Carries packets both ways until told to stop.

    Attributes:
        passed: packets that arrived.
        lost: packets that did not.
        doubled: packets that arrived twice.
    """

    def __init__(self, ends: tuple[int, int], roughness: Roughness) -> None:
        super().__init__(daemon=True)
        self._other = {ends[0]: ends[1], ends[1]: ends[0]}
        self._rough = roughness
        self._chance = random.Random(roughness.seed)
        self._on_the_way: list[tuple[float, int, int, bytes]] = []
        self._order = count()
        self._stopping = threading.Event()
        self.passed = self.lost = self.doubled = 0

    def run(self) -> None:
        """Carry."""
        while not self._stopping.is_set():
            now = time.monotonic()
            while self._on_the_way and self._on_the_way[0][0] <= now:
                _, _, end, packet = heapq.heappop(self._on_the_way)
                os.write(end, packet)
                self.passed += 1
            wait_s = self._on_the_way[0][0] - now if self._on_the_way else 0.1
            for end in select.select(list(self._other), [], [], min(0.1, wait_s))[0]:
                self._take(self._other[end], os.read(end, _PACKET_BYTES))

    def stop(self) -> None:
        """Carry nothing more."""
        self._stopping.set()
        self.join()

    def _take(self, to: int, packet: bytes) -> None:
        if self._chance.random() < self._rough.loss:
            self.lost += 1
            return
        copies = 2 if self._chance.random() < self._rough.duplicates else 1
        self.doubled += copies - 1
        for _ in range(copies):
            at_s = time.monotonic() + self._rough.delay_s + self._chance.random() * self._rough.jitter_s
            heapq.heappush(self._on_the_way, (at_s, next(self._order), to, packet))


@dataclass(frozen=True)
class RoughWorld:
    """What a scenario gets."""

    namespace: str
    listening: frozenset[str]
    line: Line
    population: str = "10.99.0.0/23"

    def mailcensus(self, *words: str) -> list[str]:
        """A mailcensus command line that runs on the asking side."""
        return ["ip", "netns", "exec", self.namespace, sys.executable, "-m", "mailcensus", *words]


@contextmanager
def rough_world(listeners: int, roughness: Roughness) -> Iterator[RoughWorld]:
    """Two namespaces with such a line between; all other addresses refuse."""
    name = f"rough{os.getpid()}-{next(_NUMBERS)}"
    ask, answer = f"{name}a", f"{name}b"
    numbers = random.Random(roughness.seed).sample(range(512), listeners)
    listening = frozenset(f"10.99.{number >> 8}.{number & 255}" for number in numbers)
    with ExitStack() as stack:
        ends = []
        for namespace, device, address in ((ask, "ask", "10.98.0.1/30"), (answer, "answer", "10.98.0.2/30")):
            _ip("netns", "add", namespace)
            stack.callback(_ip, "netns", "del", namespace)
            end = _tun(f"{device}{os.getpid()}")
            stack.callback(os.close, end)
            ends.append(end)
            _ip("link", "set", f"{device}{os.getpid()}", "netns", namespace, "name", device)
            _ip("-n", namespace, "addr", "add", address, "dev", device)
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "link", "set", device, "up")
        _ip("-n", ask, "route", "add", "default", "dev", "ask")
        _ip("-n", answer, "route", "add", "local", "10.99.0.0/16", "dev", "lo")
        stack.enter_context(_responder(answer, sorted(listening)))
        line = Line((ends[0], ends[1]), roughness)
        line.start()
        stack.callback(line.stop)
        yield RoughWorld(ask, listening, line)


def _tun(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return end


@contextmanager
def _responder(namespace: str, listening: Sequence[str]) -> Iterator[None]:
    program = Path(namespaces.__file__).with_name("responder.py")
    with subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = {"listening": list(listening), "ports": [25], "loss": 0.0}
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
