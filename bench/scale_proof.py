"""A whole namespace of hosts with seven services each, discovered and collected completely.

    PYTHONPATH=tests .venv/bin/python -m bench.scale_proof [--prefix-lengths 19 16] [--directory DIR]   (root)

Two network namespaces joined by a veth pair, as in the tests of the engines; nothing leaves them. In the answering one
nginx listens on 0.0.0.0 for SMTP, submission, IMAP, POP3, IMAPS and HTTPS, and a responder of the lab for SSH with an
Ed25519 host key for each address. In the asking one `mailcensus discover` and `mailcensus collect` are run, each in a
process of its own, whose CPU and peak memory are those the kernel counted. Each size is a study of its own, so memory
that grows with the population shows between them.

Wall times are those of a machine whose two cores serve too. What each host shows is the same certificate but a key of
its own for SSH; what a certificate of its own costs is measured apart (`--memory`).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import duckdb
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailcensus.dataset.names import Names
from mailcensus.dataset.parts import visible_parts
from mailcensus.lab.ledger import Visit
from mailcensus.lab.plan import ServicePlan
from mailcensus.lab.responder import Then
from mailcensus.lab.ssh import SshResponder
from mailcensus.model import TlsMode
from realservers.identity import Authority, ecdsa_key
from realservers.nginx import nginx
from realservers.ports import PORTS

NGINX_SERVICES = ("smtp", "submission", "pop3", "imap", "imaps", "https")
SERVICES = ("ssh", "smtp", "pop3", "imap", "https", "submission", "imaps")
BLOCK = "10.99.0.0"
SSH_PORT = 20_022
_STUDY = """\
[study]
allow_special = true
[population]
prefixes = "prefixes.txt"
[politeness]
connections_per_s = 20000.0
prefix_connections_per_s = 20000.0
prefix_connections = 1000
in_flight = 1000
[discovery]
ports = [{discovery_port}]
[collect]
services = [{services}]
[ports]
"""


class SshHost(asyncio.Protocol):
    """An SSH server whose host key follows from the address it is asked at."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast(asyncio.Transport, transport)
        ip, port = transport.get_extra_info("sockname")[:2]
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(ip.encode()).digest())
        visit = Visit(ip=ip, port=port, service="ssh", peer="", opened_s=0.0, open_on_address=1)
        self._responder = SshResponder(_ssh_plan(port), visit, key)
        self._transport.write(self._responder.greet().data)

    def data_received(self, data: bytes) -> None:
        """Answer."""
        answer = self._responder.receive(data)
        self._transport.write(answer.data)
        if answer.then is Then.CLOSE:
            self._transport.close()


def _ssh_plan(port: int) -> ServicePlan:
    return ServicePlan(
        name="ssh", protocol="ssh", tls=TlsMode.NONE, port=port, host_name="mx.example",
        greeting="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    )  # fmt: skip


def serve(directory: Path) -> None:
    """The answering side: runs in its namespace until stdin ends."""
    identity = Authority(directory).identity("mx.example", ecdsa_key())
    with nginx(
        directory / "nginx",
        address="0.0.0.0",
        host_name="mx.example",
        identity=identity,
        services=NGINX_SERVICES,
    ):
        uvloop.run(_serve_ssh())


async def _serve_ssh() -> None:
    server = await asyncio.get_running_loop().create_server(SshHost, "0.0.0.0", SSH_PORT, backlog=4096)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def two_namespaces() -> Iterator[tuple[str, str]]:
    """An asking and an answering namespace, the second with all of BLOCK/16."""
    ask, answer = f"scale{os.getpid()}a", f"scale{os.getpid()}b"
    with ExitStack() as stack:
        for namespace in (ask, answer):
            _ip("netns", "add", namespace)
            stack.callback(_ip, "netns", "del", namespace)
        _ip("link", "add", "ask", "netns", ask, "type", "veth", "peer", "name", "answer", "netns", answer)
        for namespace, link, address in ((ask, "ask", "10.98.0.1/30"), (answer, "answer", "10.98.0.2/30")):
            _ip("-n", namespace, "addr", "add", address, "dev", link)
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "link", "set", link, "up")
        _ip("-n", ask, "route", "add", "default", "via", "10.98.0.2")
        _ip("-n", answer, "route", "add", "local", f"{BLOCK}/16", "dev", "lo")
        yield ask, answer


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=20)


@contextmanager
def _answering(namespace: str, directory: Path) -> Iterator[None]:
    words = [sys.executable, "-m", "bench.scale_proof", "--serve", str(directory)]
    with subprocess.Popen(
        ["ip", "netns", "exec", namespace, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("the answering side did not come up")
        yield
        process.communicate(timeout=30)


@dataclass(frozen=True)
class Spent:
    """What one command took."""

    wall_s: float
    cpu_s: float
    kernel_s: float
    """Of the CPU time, in system calls."""
    peak_mb: float


def _spent(namespace: str, *words: str) -> Spent:
    began = time.perf_counter()
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, "-m", "mailcensus", *words, "--quiet"]
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"mailcensus {words[0]} ended with {process.returncode}")
    wall_s = time.perf_counter() - began
    return Spent(wall_s, used.ru_utime + used.ru_stime, used.ru_stime, used.ru_maxrss / 1024)


def measure(namespace: str, directory: Path, prefix_length: int) -> None:
    """One study: discover, collect, check, print."""
    directory.mkdir(parents=True)
    ports = {name: SSH_PORT if name == "ssh" else PORTS[name] for name in SERVICES}
    (directory / "prefixes.txt").write_text(f"{BLOCK}/{prefix_length}\n")
    text = _STUDY.format(discovery_port=ports["smtp"], services=", ".join(f'"{name}"' for name in SERVICES))
    (directory / "study.toml").write_text(
        text + "".join(f"{name} = {port}\n" for name, port in ports.items())
    )
    hosts = ip_network(f"{BLOCK}/{prefix_length}").num_addresses
    found = _spent(namespace, "discover", str(directory))
    collected = _spent(namespace, "collect", str(directory))
    grabs, ok = _check(directory / "data", hosts)
    bytes_on_disk = sum(file.stat().st_size for file in (directory / "data").rglob("*.parquet"))
    parts = {
        table.name: len(visible_parts(table))
        for table in sorted((directory / "data").iterdir())
        if visible_parts(table)
    }
    print(f"{hosts:,} hosts, {grabs:,} grabs, each service once, {ok:,} of them ok")
    for name, spent, count in (("discover", found, hosts), ("collect", collected, grabs)):
        print(
            f"  {name:9} {spent.wall_s:8.1f} s wall {spent.cpu_s:8.1f} s CPU {count / spent.wall_s:9,.0f}/s"
            f" {spent.cpu_s / count * 1e6:7.0f} us CPU each ({spent.kernel_s / count * 1e6:.0f} in the kernel),"
            f" peak {spent.peak_mb:.0f} MB"
        )
    print(
        f"  on disk {bytes_on_disk / 1e6:.1f} MB, {bytes_on_disk / grabs:.0f} bytes a grab; parts {parts}",
        flush=True,
    )


def _check(data: Path, hosts: int) -> tuple[int, int]:
    """Count the grabs, and those that are ok; end where any is missing or twice there."""
    counts = duckdb.connect().execute(
        f"select count(*), count(distinct (ip, service)), count(*) filter (outcome = 'ok'), count(distinct ip)"
        f" from '{data}/grabs/*.parquet'"
    )
    total, distinct, ok, addresses = counts.fetchall()[0]
    expected = hosts * len(SERVICES)
    if (total, distinct, addresses) != (expected, expected, hosts):
        raise SystemExit(f"{total} grabs, {distinct} different, of {expected}; {addresses} of {hosts} hosts")
    if ok < total:
        print(
            duckdb.sql(f"select service, outcome, stage, count(*) from '{data}/grabs/*.parquet' group by all")
        )
    return int(total), int(ok)


def _dropped(namespace: str) -> int:
    """ListenDrops of a namespace (`nstat`): whoever is dropped four times in 10 s is a timeout while connecting."""
    text = subprocess.run(
        ["ip", "netns", "exec", namespace, "cat", "/proc/net/netstat"],
        check=True, timeout=20, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    names, values = (line.split() for line in text.splitlines() if line.startswith("TcpExt:"))
    return int(dict(zip(names, values, strict=True))["ListenDrops"])


def memory_of_names(count: int) -> None:
    """What a process keeps for each hit, certificate and key of a dataset; resident bytes each."""
    before = _resident()
    names = Names(hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(count))
    print(json.dumps({"names": len(names), "bytes_each": (_resident() - before) / len(names)}))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Measure, or play the answering side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prefix-lengths", type=int, nargs="+", default=[19, 16])
    parser.add_argument("--directory", type=Path, help="keep the studies here")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, help="only what so many names weigh in memory")
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
        return
    if options.memory:
        memory_of_names(options.memory)
        return
    with ExitStack() as stack:
        base = options.directory or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcensus-"))
        )
        partner = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailcensus-")))
        partner.chmod(0o755)
        ask, answer = stack.enter_context(two_namespaces())
        stack.enter_context(_answering(answer, partner))
        for prefix_length in options.prefix_lengths:
            before = _dropped(answer)
            measure(ask, base / f"of-{prefix_length}", prefix_length)
            print(
                f"  SYNs that the answering side dropped since its queues were full: {_dropped(answer) - before:,}"
            )


if __name__ == "__main__":
    main()
