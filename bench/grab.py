"""CPU per SMTP STARTTLS grab: ours, recorded to a dataset, beside a plain OpenSSL client, in the same process.

    make bench                                  or, with options:
    PYTHONPATH=tests .venv/bin/python -m bench.grab --grabs 2000 --rounds 7

Rounds alternate (ours, baseline, ours, baseline ...), so that both meet the same machine; the ratio is the median of
those of each pair of rounds, the times are medians of their own. Our dataset is open all the time; a round writes a
part of it. "floor" and "least" are no census: a bare connection, and the least that Python can do for the same bytes
(`bench/least_python.py`).
The bars are those the project has set itself for ours / baseline.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import ssl
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import uvloop

from bench.cpu import Cpu, cpu_per_grab, median_round
from bench.least_python import first_flight
from bench.nginx_mail import MailProxy, nginx_mail
from bench.openssl_client import accept_all_context, grab
from bench.ours import GrabMany, recorded_grabs
from bench.tcp_floor import touch

EHLO_NAME = "scanner.invalid"


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing to measure."""

    name: str
    tls_version: str
    finish: bool
    """Finish the handshake and ask capabilities behind TLS; False: stop at the first flight."""
    bar: float


VARIANTS = (
    Variant("TLS 1.2 first flight", "TLSv1.2", finish=False, bar=0.40),
    Variant("TLS 1.3 first flight", "TLSv1.3", finish=False, bar=0.50),
    Variant("TLS 1.3 whole session", "TLSv1.3", finish=True, bar=0.75),
)


def main() -> int:
    """Measure, print, and say whether the bars are met (exit status 1: not)."""
    arguments = _arguments()
    with nginx_mail() as proxies:
        return uvloop.run(_compare(proxies, arguments.grabs, arguments.rounds, arguments.in_flight))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--grabs", type=int, default=2_000, help="grabs in a round: a part's worth (default %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default %(default)s)")
    parser.add_argument(
        "--in-flight", type=int, default=50, help="connections at a time (default %(default)s)"
    )
    return parser.parse_args()


async def _compare(proxies: dict[str, MailProxy], grabs: int, rounds: int, in_flight: int) -> int:
    print(f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, uvloop {version('uvloop')}")
    print(f"{rounds} rounds of {grabs} grabs, {in_flight} in flight; medians, us of CPU per grab\n")
    print(f"{'':24}{'':>10}{'all':>8}{'user':>8}{'kernel':>8}{'ratio':>8}{'bar':>8}")
    floor = await _rounds({"floor": _floor(proxies["TLSv1.2"], in_flight)}, grabs, rounds)
    print(f"{'bare TCP':24}{'floor':>10}{_shown(median_round(floor['floor']))}")
    least = await _rounds({"least": _least(proxies["TLSv1.2"], in_flight)}, grabs, rounds)
    print(f"{'TLS 1.2 first flight':24}{'least':>10}{_shown(median_round(least['least']))}")
    met = [await _compare_variant(variant, proxies, grabs, rounds, in_flight) for variant in VARIANTS]
    return 0 if all(met) else 1


async def _compare_variant(
    variant: Variant, proxies: dict[str, MailProxy], grabs: int, rounds: int, in_flight: int
) -> bool:
    """Measure and print one variant; whether its bar is met."""
    proxy = proxies[variant.tls_version]
    baseline = _baseline(variant, proxy, in_flight)
    with recorded_grabs(
        proxy.addresses, proxy.port, grabs, in_flight=in_flight, ehlo_name=EHLO_NAME, finish=variant.finish
    ) as ours:
        measured = await _rounds({"ours": ours, "baseline": baseline}, grabs, rounds)
    pairs = zip(measured["ours"], measured["baseline"], strict=True)
    ratio = statistics.median(mine.total_us / theirs.total_us for mine, theirs in pairs)
    print(
        f"{variant.name:24}{'ours':>10}{_shown(median_round(measured['ours']))}{ratio:8.2f}{variant.bar:8.2f}"
    )
    print(f"{'':24}{'baseline':>10}{_shown(median_round(measured['baseline']))}")
    return ratio <= variant.bar


async def _rounds(contenders: dict[str, GrabMany], grabs: int, rounds: int) -> dict[str, list[Cpu]]:
    """Each contender's rounds, in turn; one round of each beforehand is not counted."""
    measured: dict[str, list[Cpu]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, grab_many in contenders.items():
            cpu = await cpu_per_grab(grab_many, grabs)
            if number > 0:
                measured[name].append(cpu)
    return measured


def _floor(proxy: MailProxy, in_flight: int) -> GrabMany:
    async def once(address: str) -> None:
        await touch(address, proxy.port)

    return repeated(once, proxy.addresses, in_flight)


def _least(proxy: MailProxy, in_flight: int) -> GrabMany:
    async def once(address: str) -> None:
        await first_flight(address, proxy.port, EHLO_NAME)

    return repeated(once, proxy.addresses, in_flight)


def _baseline(variant: Variant, proxy: MailProxy, in_flight: int) -> GrabMany:
    context = accept_all_context()

    async def once(address: str) -> None:
        await grab(
            address,
            proxy.port,
            context,
            ehlo_name=EHLO_NAME,
            capabilities_after=variant.finish,
        )

    return repeated(once, proxy.addresses, in_flight)


def repeated(once: Callable[[str], Awaitable[object]], addresses: Sequence[str], in_flight: int) -> GrabMany:
    """`in_flight` workers that ask one address after the other: a round of them."""

    async def many(grabs: int) -> None:
        left = iter(range(grabs))

        async def work() -> None:
            for number in left:
                await once(addresses[number % len(addresses)])

        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(work())

    return many


def _shown(cpu: Cpu) -> str:
    return f"{cpu.total_us:8.0f}{cpu.user_us:8.0f}{cpu.system_us:8.0f}"


if __name__ == "__main__":
    sys.exit(main())
