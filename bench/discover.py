"""Connects per second of discovery on loopback, beside a bare asyncio loop of create_connection, in the same run.

    PYTHONPATH=tests .venv/bin/python -m bench.discover --addresses 30000 --rounds 5

Every address answers, so this is the dearest case: each connect is made, recorded as a hit and closed. Rounds
alternate; the medians count. The limits are set so high that none binds. The peer is one process that accepts and
closes; it shares the machine, so the rates are those of both together, and the CPU times are ours alone.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing import get_context
from pathlib import Path

import uvloop

from mailcensus.discovery import discover
from mailcensus.model import Hit
from mailcensus.population import Exclusions, Population, load_population
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.ledger import Ledger
from mailcensus.study import Settings, Study

_IN_FLIGHT = 500
_GOAL_PER_S = 10_000


class CountingSink:
    """Takes hits and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, hit: Hit) -> bool:
        """Count a hit."""
        self.count += 1
        return True

    def checkpoint(self, position: int) -> None:
        """Nothing is stored."""


def accept_and_close(listener: socket.socket) -> None:
    """The peer."""
    while True:
        listener.accept()[0].close()


def study_of(directory: Path, addresses: int, port: int) -> Study:
    """A study of the first loopback addresses of 127.1.0.0/16 and on."""
    lines = "".join(f"127.{1 + n // 65_536}.{n // 256 % 256}.{n % 256}\n" for n in range(addresses))
    (directory / "hosts.txt").write_text(lines)
    settings = {
        "study": {"allow_special": True},
        "population": {"hosts": "hosts.txt"},
        "politeness": {
            "connections_per_s": 1e9,
            "prefix_connections_per_s": 1e9,
            "prefix_connections": _IN_FLIGHT,
            "in_flight": _IN_FLIGHT,
        },
        "discovery": {"ports": [port]},
    }
    return Study(directory, Settings.model_validate(settings))


async def bare(population: Population, port: int) -> None:
    """What the event loop itself needs to connect to all and close."""
    loop = asyncio.get_running_loop()
    addresses = population.addresses()

    async def work() -> None:
        for ip in addresses:
            transport, _ = await loop.create_connection(asyncio.Protocol, ip, port)
            transport.close()

    await asyncio.gather(*[work() for _ in range(_IN_FLIGHT)])


async def ours(study: Study, population: Population, ledger: Ledger | None) -> None:
    """The discovery stage."""
    sink = CountingSink()
    dialer = Dialer(study.settings.politeness, Exclusions(), allow_special=True, ledger=ledger)
    await discover(study, population, dialer, sink, run_id="bench")
    if sink.count != len(population):
        raise SystemExit(f"only {sink.count} of {len(population)} addresses answered")


async def measure(what: Callable[[], Awaitable[None]], addresses: int) -> tuple[float, float]:
    """Connects per second, and our own CPU time of one in microseconds."""
    began, cpu_began = time.perf_counter(), time.process_time()
    await what()
    elapsed_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    return addresses / elapsed_s, cpu_s / addresses * 1e6


async def compare(study: Study, rounds: int) -> None:
    """Measure and print."""
    population = load_population(study)
    runs: dict[str, Callable[[], Awaitable[None]]] = {
        "bare create_connection": lambda: bare(population, study.settings.discovery.ports[0]),
        "mailcensus discover": lambda: ours(study, population, Ledger()),
        "the same, no ledger": lambda: ours(study, population, None),
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, what in runs.items():
            figures[name].append(await measure(what, len(population)))
    for name, rows in figures.items():
        rate, cpu_us = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:24} {rate:8,.0f} connects/s {cpu_us:7.1f} us CPU each")
    print(f"goal for discover: {_GOAL_PER_S:,} connects/s")


def main() -> None:
    """Run the comparison against a peer of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--addresses", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
    peer = get_context("fork").Process(target=accept_and_close, args=(listener,), daemon=True)
    peer.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            study = study_of(Path(directory), options.addresses, listener.getsockname()[1])
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(compare(study, options.rounds))
    finally:
        peer.terminate()


if __name__ == "__main__":
    main()
