"""CPU per grab of every service: ours, recorded to a dataset, beside a plain client, against real servers.

    PYTHONPATH=tests python -m bench.protocols [--grabs 300] [--rounds 3] [SERVICE ...]

The plain client is Python's asyncio and ssl with the same turns; for SSH it is `ssh-keyscan`, whose CPU is that of its
process. Rounds alternate in one process; medians count. Our dataset is opened before the first round and closed behind
the last; each round writes one part. nginx's mail proxy answers on many addresses, 50 at a time; of the others there is
one, and one connection at a time; "ms" is how long one grab takes there on the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import uvloop

from bench.baseline_dialogues import DIALOGUES, XMPP_DOMAIN, grab
from bench.cpu import Cpu, cpu_per_grab
from bench.grab import EHLO_NAME, repeated
from bench.openssl_client import accept_all_context
from bench.ours import recorded_grabs
from bench.partners import Partner, partners
from mailcensus.model import TlsMode
from mailcensus.wire.services import SERVICE_BY_NAME

_SSH_SHARE = 5
"""sshd starts a process for each connection: one in so many grabs is enough."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one client."""

    cpu_us: float
    """Of one grab."""
    wall_ms: float
    """Of one grab, where one is made after the other."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="all unless told")
    parser.add_argument("--grabs", type=int, default=300, help="in a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)  # servers' workers are other users
        print(
            f"us of CPU and ms of time per grab; medians of {options.rounds} rounds of {options.grabs} grabs"
        )
        print(
            f"{'server':10}{'service':14}{'ours':>8}{'plain':>8}{'ratio':>8}{'ours ms':>10}{'plain ms':>10}"
        )
        for partner in partners(directory, stack):
            if not options.services or partner.service in options.services:
                uvloop.run(_compare(partner, options.grabs, options.rounds))
    return 0


async def _compare(partner: Partner, grabs: int, rounds: int) -> None:
    grabs = max(1, grabs // _SSH_SHARE) if partner.service == "ssh" else grabs
    measured: dict[str, list[Round]] = {"ours": [], "plain": []}
    plain = _plain(partner)
    with recorded_grabs(
        partner.addresses,
        partner.port,
        grabs,
        in_flight=partner.in_flight,
        ehlo_name=EHLO_NAME,
        finish=True,
        service=partner.service,
        server_name=XMPP_DOMAIN if partner.service.startswith("xmpp") else None,
    ) as many:
        for number in range(rounds + 1):  # one of each beforehand is not counted
            for who, measure in (("ours", lambda count: cpu_per_grab(many, count)), ("plain", plain)):
                began = perf_counter()
                cpu = await measure(grabs)
                wall_ms = (perf_counter() - began) * 1000 / grabs
                if number:
                    measured[who].append(Round(cpu.total_us, wall_ms))
    shown = _cpu(measured["ours"], measured["plain"])
    shown += _wall(measured["ours"], measured["plain"]) if partner.in_flight == 1 else ""
    print(f"{partner.server:10}{partner.service:14}{shown}", flush=True)


def _cpu(ours: list[Round], plain: list[Round]) -> str:
    """Medians, and the median of the ratios of each pair of rounds."""
    ratio = statistics.median(a.cpu_us / b.cpu_us for a, b in zip(ours, plain, strict=True))
    cpu = [statistics.median(each.cpu_us for each in rounds) for rounds in (ours, plain)]
    return f"{cpu[0]:8.0f}{cpu[1]:8.0f}{ratio:8.2f}"


def _wall(ours: list[Round], plain: list[Round]) -> str:
    wall = [statistics.median(each.wall_ms for each in rounds) for rounds in (ours, plain)]
    return f"{wall[0]:10.1f}{wall[1]:10.1f}"


def _plain(partner: Partner) -> Callable[[int], Awaitable[Cpu]]:
    if partner.service == "ssh":
        return lambda grabs: asyncio.to_thread(_keyscan, partner, grabs)
    service = SERVICE_BY_NAME[partner.service]
    dialogue = DIALOGUES.get(service.name) or DIALOGUES[service.protocol]
    context = accept_all_context()

    async def once(address: str) -> None:
        starttls = service.tls_mode is TlsMode.STARTTLS
        await grab(address, partner.port, context, dialogue, starttls=starttls)

    return lambda grabs: cpu_per_grab(repeated(once, partner.addresses, partner.in_flight), grabs)


def _keyscan(partner: Partner, grabs: int) -> Cpu:
    """One process asks for the same host key again and again: what starting it costs is shared by all."""
    hosts = f"{partner.addresses[0]}\n" * grabs
    command = ["ssh-keyscan", "-p", str(partner.port), "-t", "rsa", "-f", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = subprocess.run(
        command, input=hosts, text=True, capture_output=True, check=True, timeout=300
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    keys = sum(line.startswith("[") for line in shown.splitlines())
    if keys != grabs:
        raise SystemExit(f"ssh-keyscan showed {keys} of {grabs} keys")
    return Cpu(
        user_us=(after.ru_utime - before.ru_utime) * 1e6 / grabs,
        system_us=(after.ru_stime - before.ru_stime) * 1e6 / grabs,
    )


if __name__ == "__main__":
    sys.exit(main())
