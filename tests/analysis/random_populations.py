"""Small random populations, written as a dataset, and what an independent count says about them.

The counts here use plain sets, loops over all pairs and a breadth-first search: slow, and nothing in common with
how the analyses count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import ip_address
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Certificate, Grab, Host, Key, Outcome, Run, Ssh, SshHostKey, Stage, Tls, TlsMode
from mailcensus.wire.services import SERVICE_BY_NAME

SERVICES = ("ssh", "smtp", "imap", "https")
PORTS = {service: SERVICE_BY_NAME[service].port for service in SERVICES}
RUN = "2026-11-22T01-02-03Z-0000"
NONE: set[int] = set()
NOW = datetime(2026, 11, 22, tzinfo=UTC)

Showing = tuple[str, str, int]
"""ip, service, key."""


@dataclass(frozen=True)
class Population:
    """Which host shows which key on which service."""

    showings: frozenset[Showing]

    @cached_property
    def hosts(self) -> dict[str, dict[str, set[int]]]:
        """ip -> service -> keys."""
        hosts: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for ip, service, key in self.showings:
            hosts[ip][service].add(key)
        return {ip: dict(services) for ip, services in hosts.items()}

    @cached_property
    def holders(self) -> dict[int, set[str]]:
        """key -> hosts."""
        holders = defaultdict(set)
        for ip, _, key in self.showings:
            holders[key].add(ip)
        return holders

    @cached_property
    def by_key(self) -> dict[int, list[tuple[str, str]]]:
        """key -> (ip, service)."""
        found = defaultdict(list)
        for ip, service, key in self.showings:
            found[key].append((ip, service))
        return found

    def write(self, data: Path) -> None:
        """As the recorder would, in two parts, with an older run and superseded attempts among it."""
        grabs = [grab for ip, services in sorted(self.hosts.items()) for grab in _grabs(ip, services)]
        old = "2025-01-01T00-00-00Z-0000"
        noise = [_bare(ip, "smtp", old, Outcome.OK) for ip in ("192.0.2.1", "192.0.2.2") if grabs]
        writer = PartWriter(data, "grabs", Grab)
        writer.write(grabs[::2] + noise)
        writer.write(grabs[1::2])
        keys = sorted({key for _, _, key in self.showings})
        PartWriter(data, "keys", Key).write(
            [Key(spki_sha256=spki(key), algorithm="rsa", bits=1024 + key, spki_der=b"") for key in keys]
        )
        PartWriter(data, "certificates", Certificate).write(
            [
                Certificate(
                    sha256=leaf(key, odd), der=b"", spki_sha256=spki(key), common_name=name(key, odd),
                    sans=(f"*.{name(key, odd)}",) if is_wild(key, odd) else (name(key, odd),),
                )
                for key in keys
                for odd in (False, True)
            ]
        )  # fmt: skip
        PartWriter(data, "hosts", Host).write([_facts(ip) for ip in sorted(self.hosts)])
        PartWriter(data, "runs", Run).write([_run()])

    @cached_property
    def clusters(self) -> list[set[str]]:
        """Components by breadth-first search, largest first, then by smallest address."""
        hosts, holders = self.hosts, self.holders
        left, found = set(hosts), []
        while left:
            component, edge = set(), {left.pop()}
            while edge:
                component |= edge
                keys = {key for ip in edge for shown in hosts[ip].values() for key in shown}
                edge = {ip for key in keys for ip in holders[key]} - component
            left -= component
            found.append(component)
        several = [component for component in found if len(component) > 1]
        return sorted(several, key=lambda ips: (-len(ips), min(map(address, ips))))

    def within_host(self) -> dict[str, tuple[int, int, int]]:
        """ports -> hosts, keys, hosts showing both."""
        found = {}
        for a, b in combinations(SERVICES, 2):
            shared = {(ip, key) for ip, by in self.hosts.items() for key in by.get(a, NONE) & by.get(b, NONE)}
            both = [ip for ip, by in self.hosts.items() if a in by and b in by]
            if shared:
                counts = len({ip for ip, _ in shared}), len({key for _, key in shared}), len(both)
                found[label(a, b)] = counts
        return found

    def links(self) -> dict[str, tuple[int, int]]:
        """ports -> links, keys, pair of hosts by pair of hosts."""
        links: dict[str, list[int]] = defaultdict(list)
        shown = [(services, set().union(*services.values())) for services in self.hosts.values()]
        for (x, keys_x), (y, keys_y) in combinations(shown, 2):
            if keys_x.isdisjoint(keys_y):
                continue
            for a, b in combinations_with_replacement(SERVICES, 2):
                there = x.get(a, NONE) & y.get(b, NONE)
                links[label(a, b)] += there | (x.get(b, NONE) & y.get(a, NONE))
        return {ports: (len(keys), len(set(keys))) for ports, keys in links.items() if keys}


def address(ip: str) -> tuple[int, int]:
    """Numerical order of addresses."""
    parsed = ip_address(ip)
    return parsed.version, int(parsed)


def label(a: str, b: str) -> str:
    """Port pair, smaller first."""
    low, high = sorted((PORTS[a], PORTS[b]))
    return f"{low}-{high}"


def spki(key: int) -> str:
    """Name of a key."""
    return f"{key:064x}"


def leaf(key: int, odd: bool) -> str:
    """Name of one of two certificates with a key."""
    return f"c{odd:d}{key:062x}"


def name(key: int, odd: bool) -> str:
    """Common name in that certificate."""
    return f"{'odd' if odd else 'even'}{key}.example"


def is_odd(ip: str) -> bool:
    """Which of the two certificates a host shows."""
    return address(ip)[1] % 2 == 1


def is_wild(key: int, odd: bool) -> bool:
    """Whether that certificate has a wildcard name."""
    return odd and key % 3 == 0


def asn_of(ip: str) -> int | None:
    """The AS of a host; of some it is not known."""
    return address(ip)[1] % 4 or None


def country_of(ip: str) -> str | None:
    """The country of a host; of some it is not known."""
    return (None, "IE", "IE", "GB", "EE")[address(ip)[1] % 5]


def _facts(ip: str) -> Host:
    asn, country = asn_of(ip), country_of(ip)
    ptr = f"host{address(ip)[1] % 3}.odd-net.example" if is_odd(ip) else None
    return Host(run_id=RUN, ip=ip, looked_up_at=NOW, country=country, asn=asn, ptr=ptr)


def _run() -> Run:
    return Run(
        run_id=RUN, stage="collect", started_at=NOW, ended_at=NOW, vantage="t", mailcensus_version="0",
        settings_json='{"population": {"country": ["ie", "EE"]}}',
    )  # fmt: skip


def _bare(ip: str, service: str, run_id: str, outcome: Outcome, attempt: int = 1) -> Grab:
    return Grab(
        run_id=run_id, vantage="t", started_at=NOW, duration_ms=1, ip=ip, port=20000 + PORTS[service],
        service=service, protocol=SERVICE_BY_NAME[service].protocol, tls_mode=TlsMode.NONE, attempt=attempt,
        outcome=outcome, stage=Stage.GREETING,
    )  # fmt: skip


def _grabs(ip: str, services: dict[str, set[int]]) -> Iterator[Grab]:
    for service, keys in services.items():
        if len(keys) % 2:
            yield _bare(ip, service, RUN, Outcome.RATE_LIMITED)
        yield _grab(ip, service, sorted(keys), attempt=1 + len(keys) % 2)


def _grab(ip: str, service: str, keys: list[int], attempt: int) -> Grab:
    tls = ssh = None
    if service == "ssh":
        shown = [SshHostKey(algorithm="x", fingerprint="y", spki_sha256=spki(key)) for key in keys]
        ssh = Ssh(
            protocol_version=("2.0", "1.99")[keys[0] % 2],
            host_keys=(*shown, shown[0], SshHostKey(algorithm="no SPKI", fingerprint="z")),
        )
    else:
        tls = Tls(
            version=0x0303 + keys[0] % 2, version_name=("TLSv1.2", "TLSv1.3")[keys[0] % 2],
            cipher_suite=(0x009C, 0x1301, 0xC02F, 0x1301)[keys[0] % 4],
            spki_sha256=spki(keys[0]), leaf_sha256=leaf(keys[0], is_odd(ip)),
        )  # fmt: skip
    return Grab(
        run_id=RUN, vantage="t", started_at=NOW, duration_ms=1, ip=ip, port=20000 + PORTS[service],
        service=service, protocol=SERVICE_BY_NAME[service].protocol, tls_mode=TlsMode.NONE, attempt=attempt,
        outcome=Outcome.OK, stage=Stage.DONE, tls=tls, ssh=ssh,
        greeting=f"220 mx{keys[0]}.crowd.example ESMTP Postfix" if service == "smtp" else None,
    )  # fmt: skip


def _ips() -> st.SearchStrategy[str]:
    v4 = st.integers(1, 12).map(lambda n: f"127.0.{n % 3}.{n * 17}")
    v6 = st.integers(1, 4).map(lambda n: f"2001:db8::{n:x}")
    return v4 | v6


@st.composite
def populations(draw: st.DrawFn) -> Population:
    """Up to 16 hosts and four services; one key per TLS service, several by SSH; few keys, so that they meet."""
    most = draw(st.integers(1, 25))
    keys = st.integers(0, most)
    by_tls = st.dictionaries(st.tuples(_ips(), st.sampled_from(SERVICES[1:])), keys, max_size=40)
    by_ssh = st.sets(st.tuples(_ips(), st.just("ssh"), keys), max_size=15)
    tls = {(ip, service, key) for (ip, service), key in draw(by_tls).items()}
    return Population(frozenset(tls | draw(by_ssh)))


def crowd(seed: int, count: int) -> Population:
    """Many small random populations beside each other, none sharing a key with another one."""
    random = Random(seed)
    showings: set[Showing] = set()
    for number in range(count):
        most = random.randint(1, 25)
        for host in random.sample(range(1, 17), random.randint(1, 16)):
            ip = f"2001:db8:{number:x}::{host:x}" if host > 12 else f"127.{number}.{host % 3}.{host}"
            for service in random.sample(SERVICES, random.randint(0, 4)):
                for _ in range(random.randint(1, 3) if service == "ssh" else 1):
                    showings.add((ip, service, 100 * number + random.randint(0, most)))
    return Population(frozenset(showings))
