"""Memory of a connection in flight whose peer says nothing, in each place where a grab can wait.

    PYTHONPATH=tests python -m bench.idle_memory --connections 5000

Growth of this process' resident memory, divided by the connections: everything is counted, from the work list to the
event loop; the kernel's own socket is not. Each place is measured in a fresh process, so that nothing freed before
is used again. The peers are another process.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.tarpits import addresses, raise_open_files, tarpits
from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.dataset.recorder import Recorder
from mailcensus.population import Exclusions
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.grab import Grabber
from mailcensus.study import Settings
from mailcensus.wire.services import SERVICE_BY_NAME

GOAL_KB = 20.0
PLACES = {
    "smtp": "for a greeting",
    "ssh": "for an identification",
    "smtps": "for a ServerHello",
    "irc": "for capabilities",
}
"""Services by what a silent peer makes them wait for."""
_SETTLE_S = 1.0


def main() -> int:
    """Measure each place in a process of its own and print; exit status 1 where the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--measure", nargs=3, metavar=("SERVICE", "NETWORK", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        service, network, port = options.measure
        print(uvloop.run(_measure(service, network, int(port), options.connections)))
        return 0
    met = True
    with tarpits() as (network, port):
        for service, place in PLACES.items():
            kb = _in_child(service, network, port, options.connections) / 1024
            met = met and kb <= GOAL_KB
            print(f"{service:6} waiting {place:22} {kb:6.1f} KB a connection (goal {GOAL_KB:.0f})")
    return 0 if met else 1


def _in_child(service: str, network: str, port: int, connections: int) -> float:
    command = [sys.executable, "-m", "bench.idle_memory", "--connections", str(connections)]
    command += ["--measure", service, network, str(port)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


async def _measure(service: str, network: str, port: int, connections: int) -> float:
    """Bytes for each connection, once all are open and waiting."""
    raise_open_files()
    settings = waiting_settings(connections, {service: port})
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as directory:
        dialer = Dialer(settings.politeness, Exclusions(), settings.study.allow_special)
        recorder = Recorder(Path(directory))
        grabber = Grabber(settings, "bench", dialer)
        await grabber.grab("127.0.0.1", SERVICE_BY_NAME[service], port=1)  # loads what a first grab loads
        collector = Collector(
            settings, grabber, recorder, CollectProgress(hosts=connections), lambda progress: None
        )
        asks = (Ask(service, 1, None),)
        hosts = addresses(network, connections)
        before = resident_bytes()
        collecting = asyncio.create_task(collector.collect(HostWork(ip, asks) for ip in hosts))
        while len(dialer.deadlines) < connections:
            await asyncio.sleep(0.05)
        await asyncio.sleep(_SETTLE_S)  # the last hellos are sent
        grown = resident_bytes() - before
        assert collector.progress.grabs == 0, "a peer did not wait"
        collecting.cancel()
        await asyncio.wait([collecting])
        recorder.close()
    return grown / connections


def waiting_settings(connections: int, ports: dict[str, int]) -> Settings:
    """Settings under which nothing is limited and nothing times out."""
    return Settings.model_validate(
        {
            "study": {"allow_special": True, "ehlo_name": "scanner.invalid"},
            "politeness": {
                "connections_per_s": 1e6,
                "prefix_connections_per_s": 1e6,
                "prefix_connections": connections,
                "in_flight": connections,
            },
            "collect": {
                "services": tuple(ports),
                "deadlines": {"greeting_s": 600, "reply_s": 600, "tls_s": 600, "grab_s": 600},
            },
            "ports": ports,
        }
    )


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096


if __name__ == "__main__":
    sys.exit(main())
