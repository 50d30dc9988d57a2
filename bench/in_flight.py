"""1,000 normal grabs with thousands of connections to tarpits in flight beside them, and without.

    PYTHONPATH=tests python -m bench.in_flight --tarpits 5000 --rounds 5

Normal is SMTP with STARTTLS, a whole TLS 1.3 session with nginx, recorded to a dataset; 50 at a time. The tarpits are
another process and send a byte of an endless greeting line every second each. Rounds alternate; medians count. CPU is
that of this process, what the tarpits cost it included; wall time is shared with nginx and the tarpits.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.idle_memory import waiting_settings
from bench.nginx_mail import MailProxy, nginx_mail
from bench.tarpits import addresses, raise_open_files, tarpits
from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.dataset.recorder import Recorder
from mailcensus.population import Exclusions
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.grab import Grabber

ALLOWED = 1.20
NORMAL_IN_FLIGHT = 50
_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a round of normal grabs took."""

    wall_s: float
    cpu_s: float


class Bench:
    """One dialer for everything, as in a run, and two collectors: one is stuck, the other works."""

    def __init__(self, directory: Path, proxy: MailProxy, tarpit_hosts: Sequence[str], port: int) -> None:
        # smtp is nginx; lmtp, which waits for a greeting too, is the tarpits.
        self._ports = {"smtp": proxy.port, "lmtp": port}
        settings = waiting_settings(len(tarpit_hosts) + NORMAL_IN_FLIGHT, self._ports)
        self._dialer = Dialer(settings.politeness, Exclusions(), allow_special=True)
        self._grabber = Grabber(settings, "bench", self._dialer)
        self._directory = directory
        self._proxy = proxy
        self._tarpit_hosts = tarpit_hosts
        self._rounds = 0

    async def normal(self, grabs: int) -> Cost:
        """A round of normal grabs.

        Raises:
            AssertionError: not all of them ended well.
        """
        collector, recorder = self._collector(NORMAL_IN_FLIGHT)
        hosts, asks = self._proxy.addresses, (Ask("smtp", 1, None),)
        gc.collect()
        began, cpu_began = time.perf_counter(), time.process_time()
        await collector.collect(HostWork(hosts[number % len(hosts)], asks) for number in range(grabs))
        recorder.close()
        cost = Cost(time.perf_counter() - began, time.process_time() - cpu_began)
        assert collector.progress.ok == grabs, f"only {collector.progress.ok} of {grabs} grabs ended well"
        return cost

    @asynccontextmanager
    async def stuck(self) -> AsyncIterator[None]:
        """All tarpits are in flight until the block is left."""
        collector, recorder = self._collector(len(self._tarpit_hosts))
        asks = (Ask("lmtp", 1, None),)
        collecting = asyncio.create_task(collector.collect(HostWork(ip, asks) for ip in self._tarpit_hosts))
        while len(self._dialer.deadlines) < len(self._tarpit_hosts):
            await asyncio.sleep(0.05)
        await asyncio.sleep(_SETTLE_S)
        try:
            yield
            assert collector.progress.grabs == 0, "a tarpit let go"
        finally:
            collecting.cancel()
            await asyncio.wait([collecting])
            recorder.close()

    def _collector(self, in_flight: int) -> tuple[Collector, Recorder]:
        self._rounds += 1
        recorder = Recorder(self._directory / str(self._rounds))
        settings, progress = waiting_settings(in_flight, self._ports), CollectProgress(hosts=0)
        return Collector(settings, self._grabber, recorder, progress, lambda progress: None), recorder


def main() -> int:
    """Measure and print; exit status 1 where the tarpits slow the rest by more than is allowed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tarpits", type=int, default=5_000)
    parser.add_argument("--grabs", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raise_open_files()
    with (
        tempfile.TemporaryDirectory(prefix="mailcensus-") as name,
        tarpits(drip_every_s=1.0) as (network, port),
        nginx_mail() as proxies,
    ):
        hosts = addresses(network, options.tarpits)
        return uvloop.run(
            _compare(Path(name), proxies["TLSv1.3"], hosts, port, options.grabs, options.rounds)
        )


async def _compare(
    directory: Path, proxy: MailProxy, hosts: Sequence[str], port: int, grabs: int, rounds: int
) -> int:
    bench = Bench(directory, proxy, hosts, port)
    await bench.normal(grabs)  # not counted
    without: list[Cost] = []
    beside: list[Cost] = []
    for _ in range(rounds):
        without.append(await bench.normal(grabs))
        async with bench.stuck():
            beside.append(await bench.normal(grabs))
    print(f"{grabs} normal grabs, {NORMAL_IN_FLIGHT} at a time; medians of {rounds} rounds")
    alone = _shown("alone", without, grabs)
    slowed = _shown(f"beside {len(hosts)} tarpits", beside, grabs)
    wall, cpu = slowed.wall_s / alone.wall_s, slowed.cpu_s / alone.cpu_s
    print(f"{'ratio':24} wall {wall:8.2f}     CPU {cpu:8.2f}      (at most {ALLOWED:.2f})")
    return 0 if max(wall, cpu) <= ALLOWED else 1


def _shown(name: str, costs: list[Cost], grabs: int) -> Cost:
    """Print and give the medians."""
    median = Cost(statistics.median(c.wall_s for c in costs), statistics.median(c.cpu_s for c in costs))
    print(f"{name:24} wall {median.wall_s:8.3f} s   CPU {median.cpu_s / grabs * 1e6:8.0f} us each")
    return median


if __name__ == "__main__":
    sys.exit(main())
