"""Questions to DNS per second on one core, answered by a server on loopback and on disk as records, beside dig.

    PYTHONPATH=tests .venv/bin/python -m bench.dns

NSD serves a signed zone, Unbound resolves and validates it. Both ways ask the same list, MX, A, AAAA and TXT of each
domain in turn; rounds alternate and Unbound knows all answers from a first round that does not count. dig is asked for
the whole list in one process (`dig +short -f`), which waits for each answer before it asks the next.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from mailcensus.facts.domains.answers import Answers
from mailcensus.facts.domains.table import DomainTables
from mailcensus.model import AnswerState
from mailcensus.probe.dns_client import DnsClient
from mailcensus.study.sections import DnsSection
from places import fresh_network
from realservers.dns_tree import Tree, Zone, dns_tree
from realservers.process import program

_GOAL_PER_S = 1_500
_TYPES = ("MX", "A", "AAAA", "TXT")
_AT_ONCE = 200

Questions = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Spent:
    """What one round took."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domains", type=int, default=2_500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    questions = [(f"d{n}.example", kind) for n in range(options.domains) for kind in _TYPES]
    records = [
        record
        for n in range(options.domains)
        for record in (f"d{n}.example. 3600 IN MX 10 mx.d{n}.example.", f"d{n}.example. 3600 IN A 192.0.2.1")
    ]
    with tempfile.TemporaryDirectory() as directory:
        zones = [Zone("example.", records, signed=True)]
        with dns_tree(Path(directory) / "tree", fresh_network(), zones) as tree:
            ours, digs = _rounds(Path(directory), tree, questions, options.rounds)
    print(f"{len(questions):,} questions, {options.rounds} rounds; medians")
    for name, spent in (("ours", ours), ("dig +short -f", digs)):
        wall_s = statistics.median(one.wall_s for one in spent)
        cpu_s = statistics.median(one.cpu_s for one in spent)
        print(
            f"{name:<14} {len(questions) / wall_s:>8,.0f}/s  {1e6 * cpu_s / len(questions):>6.0f} us CPU each, "
            f"{len(questions) / cpu_s:>8,.0f} per second of CPU"
        )
    rate = len(questions) / statistics.median(one.wall_s for one in ours)
    print(f"goal {_GOAL_PER_S:,}/s: {'met' if rate >= _GOAL_PER_S else 'missed'}")


def _rounds(
    directory: Path, tree: Tree, questions: Questions, rounds: int
) -> tuple[list[Spent], list[Spent]]:
    ours, digs = [], []
    _dig(tree, questions, directory)
    for number in range(rounds):
        ours.append(_ours(tree, questions, directory / f"data{number}"))
        digs.append(_dig(tree, questions, directory))
    return ours, digs


def _ours(tree: Tree, questions: Questions, data: Path) -> Spent:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    began, used = time.perf_counter(), _cpu_s(resource.RUSAGE_SELF)
    try:
        uvloop.run(_ask(tree, questions, data))
    finally:
        os.sched_setaffinity(0, cores)
    return Spent(time.perf_counter() - began, _cpu_s(resource.RUSAGE_SELF) - used)


async def _ask(tree: Tree, questions: Questions, data: Path) -> None:
    settings = DnsSection(
        resolvers=(tree.address,), queries_per_s=1e9, authority_queries_per_s=1e9, in_flight=_AT_ONCE
    )
    tables = DomainTables(data, "bench")
    async with DnsClient(settings, "bench") as client:
        await client.learn_who_validates(".")
        answers = Answers("bench", client)
        left = iter(questions)

        async def work() -> None:
            for name, kind in left:
                answer = await answers.ask(name, kind)
                assert answer is not None
                assert answer.state in (AnswerState.ANSWER, AnswerState.NODATA), answer

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
        tables.add(answers.take(), [])


def _dig(tree: Tree, questions: Questions, directory: Path) -> Spent:
    path = directory / "questions"
    path.write_text("".join(f"{name} {kind}\n" for name, kind in questions))
    address, port = tree.address.split(":")
    command = [
        program("dig", "bind9-dnsutils"),
        f"@{address}",
        "-p",
        port,
        "+short",
        "+dnssec",
        "-f",
        str(path),
    ]
    began, used = time.perf_counter(), _cpu_s(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Spent(time.perf_counter() - began, _cpu_s(resource.RUSAGE_CHILDREN) - used)


def _cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
