"""CPU per grab of every protocol: ours, recorded to a dataset, beside a plain client, against real servers.

    PYTHONPATH=tests python -m bench.protocols [--grabs 300] [--rounds 3] [SERVICE ...]

The plain client is Python's asyncio and ssl with the same turns; for SSH it is `ssh-keyscan`, whose CPU is that of its
process. Rounds alternate in one process; medians count. nginx's mail proxy answers on many addresses, 50 at a time;
of the others there is one, and one connection at a time. A service whose server is not installed is said to be
left out.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.baseline_dialogues import DIALOGUES, grab
from bench.cpu import Cpu, cpu_per_grab, median_round
from bench.grab import EHLO_NAME, GrabMany, repeated
from bench.openssl_client import accept_all_context
from bench.ours import grab_and_record
from mailcensus.model import TlsMode
from mailcensus.wire.services import SERVICE_BY_NAME
from realservers.dovecot import dovecot, sasl_socket
from realservers.identity import Authority, Identity, rsa_key
from realservers.nginx import nginx
from realservers.openssh import sshd
from realservers.ports import fresh_network
from realservers.postfix import postfix
from realservers.process import RunningServer, ServerMissing

_ADDRESSES = 200
_IN_FLIGHT = 50
_SSH_SHARE = 5
"""sshd starts a process for each connection: one in so many grabs is enough."""


@dataclass(frozen=True, slots=True)
class Partner:
    """One service of a server that runs."""

    server: str
    service: str
    addresses: tuple[str, ...]
    port: int

    @property
    def in_flight(self) -> int:
        """A study has one connection at a time to an address."""
        return min(_IN_FLIGHT, len(self.addresses))


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
        print(f"us of CPU per grab; medians of {options.rounds} rounds of {options.grabs} grabs")
        print(f"{'server':10}{'service':14}{'ours':>8}{'plain':>8}{'ratio':>8}")
        for partner in _partners(directory, stack):
            if not options.services or partner.service in options.services:
                uvloop.run(_compare(partner, options.grabs, options.rounds))
    return 0


def _partners(directory: Path, stack: ExitStack) -> Iterator[Partner]:
    """Each server with its services, in turn; they run until the stack is closed."""
    identity = Authority(directory).identity("mx.example", rsa_key())
    network = fresh_network()
    for number, (name, start) in enumerate(_SERVERS.items()):
        addresses = tuple(f"{network}.{n}" for n in range(1, _ADDRESSES + 1)) if name == "nginx" else ()
        address = addresses[0] if addresses else f"{network}.{230 + number}"
        try:
            server = stack.enter_context(start(directory / name, address, identity, addresses[1:]))
        except ServerMissing as missing:
            print(f"{name:10}left out: {missing}")
            continue
        for service, port in server.ports.items():
            many = addresses and service != "https"
            yield Partner(name, service, addresses if many else (address,), port)


Start = Callable[[Path, str, Identity, tuple[str, ...]], AbstractContextManager[RunningServer]]


def _nginx(
    directory: Path, address: str, identity: Identity, more: tuple[str, ...]
) -> AbstractContextManager[RunningServer]:
    return nginx(directory, address=address, host_name="mx.example", identity=identity, more_addresses=more)


def _dovecot(
    directory: Path, address: str, identity: Identity, _more: tuple[str, ...]
) -> AbstractContextManager[RunningServer]:
    return dovecot(directory, address=address, identity=identity)


def _postfix(
    directory: Path, address: str, identity: Identity, _more: tuple[str, ...]
) -> AbstractContextManager[RunningServer]:
    sasl = sasl_socket(directory.parent / "dovecot")
    return postfix(directory, address=address, host_name="mx.example", identity=identity, sasl_socket=sasl)


def _openssh(
    directory: Path, address: str, _identity: Identity, _more: tuple[str, ...]
) -> AbstractContextManager[RunningServer]:
    return sshd(directory, address=address, host_keys={"rsa": rsa_key()})


_SERVERS: dict[str, Start] = {"nginx": _nginx, "dovecot": _dovecot, "postfix": _postfix, "openssh": _openssh}


async def _compare(partner: Partner, grabs: int, rounds: int) -> None:
    grabs = max(1, grabs // _SSH_SHARE) if partner.service == "ssh" else grabs
    measured: dict[str, list[Cpu]] = {"ours": [], "plain": []}
    for number in range(rounds + 1):  # one of each beforehand is not counted
        ours = await cpu_per_grab(_ours(partner), grabs)
        plain = await _plain(partner, grabs)
        if number:
            measured["ours"].append(ours)
            measured["plain"].append(plain)
    ours, plain = median_round(measured["ours"]), median_round(measured["plain"])
    ratio = ours.total_us / plain.total_us
    print(
        f"{partner.server:10}{partner.service:14}{ours.total_us:8.0f}{plain.total_us:8.0f}{ratio:8.2f}",
        flush=True,
    )


def _ours(partner: Partner) -> GrabMany:
    async def many(grabs: int) -> None:
        await grab_and_record(
            partner.addresses,
            partner.port,
            grabs,
            in_flight=partner.in_flight,
            ehlo_name=EHLO_NAME,
            finish=True,
            service=partner.service,
        )

    return many


async def _plain(partner: Partner, grabs: int) -> Cpu:
    if partner.service == "ssh":
        return await asyncio.to_thread(_keyscan, partner, grabs)
    service = SERVICE_BY_NAME[partner.service]
    dialogue, context = DIALOGUES[service.protocol], accept_all_context()

    async def once(address: str) -> None:
        starttls = service.tls_mode is TlsMode.STARTTLS
        await grab(address, partner.port, context, dialogue, starttls=starttls)

    return await cpu_per_grab(repeated(once, partner.addresses, partner.in_flight), grabs)


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
