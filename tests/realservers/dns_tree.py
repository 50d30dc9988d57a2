"""A whole tree of DNS on loopback: a signed root, zones below it, good and bad, and a validating resolver.

NSD serves the zones, ldns signs them, Unbound resolves and validates; a server of our own is slow, silent or talks
nonsense. Nothing outside 127.0.0.0/8 is asked: the tree's root is the only one that Unbound knows.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from raw_dns_server import Answer, raw_dns_server
from realservers.process import RunningServer, program, require_root, running

RESOLVER_PORT = 20_153
SLOW_S = 0.4
"""How late the slow server is."""

_NSD = """\
server:
  ip-address: {address}@53
  server-count: 1
  database: ""
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  xfrdfile: "{directory}/xfrd.state"
  zonelistfile: "{directory}/zone.list"
  pidfile: ""
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{zones}
"""

_UNBOUND = """\
server:
  interface: {address}@{port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  log-queries: {log}
  module-config: "validator iterator"
  root-hints: "{directory}/hints"
  trust-anchor-file: "{directory}/anchor"
  ede: yes
  outgoing-range: 4096
  num-queries-per-thread: 2048
  msg-cache-size: 64m
  rrset-cache-size: 128m
  local-zone: "refusing.example." refuse
  local-zone: "127.in-addr.arpa." nodefault
remote-control:
  control-enable: no
"""


@dataclass
class Zone:
    """One zone to serve."""

    name: str
    """With its last dot."""
    records: list[str] = field(default_factory=list)
    """As zone files write them, with absolute names; SOA and NS come by themselves."""
    signed: bool = False
    anchored: bool = True
    """Signed: its parent has its DS."""
    nsec3: bool = False
    """Signed: names are denied by their hashes (RFC 5155)."""
    expired: bool = False
    """Signed: by signatures of years ago."""
    forged: Mapping[str, str] = field(default_factory=dict)
    """Signed: texts of the signed zone that are replaced afterwards."""
    server: str | None = None
    """The last number of the address that it is delegated to, where that is not NSD's."""


@dataclass(frozen=True)
class Tree:
    """A tree that is being served."""

    resolver: RunningServer
    authority: RunningServer

    @property
    def address(self) -> str:
        """The resolver, as study.toml names it."""
        return f"{self.resolver.address}:{self.resolver.ports['dns']}"

    def questions(self) -> list[str]:
        """What the resolver was asked, `name type`, in order; the tree must have been told to keep them."""
        lines = self.resolver.log.read_text(errors="replace").splitlines()
        words = (
            line.split(" info: ", 1)[1].split()
            for line in lines
            if line.endswith(" IN") and " info: " in line
        )
        return [f"{one[1].rstrip('.').lower() or '.'} {one[2]}" for one in words if len(one) == 4]


@contextmanager
def dns_tree(directory: Path, network: str, zones: Sequence[Zone], *, log: bool = False) -> Iterator[Tree]:
    """Serve zones until the block is left.

    Args:
        network: three numbers of 127.0.0.0/8; NSD has .2, Unbound .3, our own server .4 (slow), .5 (silent), .6
            (nonsense), .7 (knows no zone and says so); nobody is at .9.
        zones: all but the root, parents before children; the root is signed.
        log: whether Unbound keeps the questions.
    Raises:
        ServerMissing: a program is not installed, or we are not root.
    """
    require_root("NSD")
    directory.mkdir(parents=True, exist_ok=True)
    root = Zone(".", signed=True)
    _write_zones(directory, network, [root, *zones])
    served = "\n".join(
        f'zone:\n  name: "{zone.name}"\n  zonefile: "{_file(zone)}"'
        for zone in (root, *zones)
        if zone.server is None
    )
    (directory / "nsd.conf").write_text(
        _NSD.format(address=f"{network}.2", directory=directory, zones=served)
    )
    (directory / "hints").write_text(f". 3600 IN NS ns.root.\nns.root. 3600 IN A {network}.2\n")
    (directory / "unbound.conf").write_text(
        _UNBOUND.format(
            address=f"{network}.3", port=RESOLVER_PORT, directory=directory, log="yes" if log else "no"
        )
    )
    nsd = [program("nsd", "nsd"), "-d", "-c", str(directory / "nsd.conf")]
    unbound = [program("unbound", "unbound"), "-d", "-c", str(directory / "unbound.conf")]
    with ExitStack() as stack:
        for last, (answer, delay_s) in _ODD.items():
            stack.enter_context(raw_dns_server(answer, f"{network}.{last}", 53, delay_s))
        nsd_log = directory / "nsd.log"
        authority = stack.enter_context(
            running("nsd", nsd, directory=directory, address=f"{network}.2", ports={"dns": 53}, log=nsd_log)
        )
        resolver = stack.enter_context(
            running(
                "unbound",
                unbound,
                directory=directory,
                address=f"{network}.3",
                ports={"dns": RESOLVER_PORT},
                log=directory / "unbound.log",
            )
        )
        yield Tree(resolver, authority)


def _file(zone: Zone) -> str:
    return f"{zone.name.strip('.') or 'root'}.zone"


def _write_zones(directory: Path, network: str, zones: Sequence[Zone]) -> None:
    """Children first: their parents need their DS."""
    anchors: dict[str, list[str]] = {}
    for zone in reversed(zones):
        delegations = [
            record
            for child in zones
            if _is_child(child, zone, zones)
            for record in _delegation(child, network)
        ]
        lines = [
            f"{zone.name} 3600 IN SOA ns.root. hostmaster.root. 1 3600 600 86400 300",
            f"{zone.name} 3600 IN NS ns.root.",
            *([f"ns.root. 3600 IN A {network}.2"] if zone.name == "." else []),
            *delegations,
            *(
                record
                for child in zones
                if _is_child(child, zone, zones)
                for record in anchors.get(child.name, [])
            ),
            *zone.records,
        ]
        path = directory / _file(zone)
        path.write_text("\n".join(lines) + "\n")
        if zone.signed:
            ds = _sign(path, zone)
            if zone.anchored:
                anchors[zone.name] = [ds]
    (directory / "anchor").write_text("\n".join(anchors["."]) + "\n")


def _is_child(child: Zone, zone: Zone, zones: Sequence[Zone]) -> bool:
    """Whether a zone is delegated by another: the longest name of a zone above it."""
    above = [one.name for one in zones if one is not child and _is_below(child.name, one.name)]
    return bool(above) and max(above, key=len) == zone.name


def _is_below(name: str, above: str) -> bool:
    return name != "." and (above == "." or name.endswith(f".{above}"))


def _delegation(zone: Zone, network: str) -> list[str]:
    if zone.server is None:
        return [f"{zone.name} 3600 IN NS ns.root."]
    return [f"{zone.name} 3600 IN NS ns.{zone.name}", f"ns.{zone.name} 3600 IN A {network}.{zone.server}"]


def _sign(path: Path, zone: Zone) -> str:
    """Sign a zone file in place; gives its DS record."""
    directory = path.parent
    keygen = [
        program("ldns-keygen", "ldnsutils"),
        "-r",
        "/dev/urandom",
        "-a",
        "ECDSAP256SHA256",
        "-k",
        zone.name,
    ]
    base = _run(keygen, directory).strip()
    times = ["-i", "20200101000000", "-e", "20200201000000"] if zone.expired else []
    times += ["-n"] if zone.nsec3 else []
    _run([program("ldns-signzone", "ldnsutils"), *times, "-o", zone.name, path.name, base], directory)
    text = (directory / f"{path.name}.signed").read_text()
    for old, new in zone.forged.items():
        assert old in text, f"{old} is not in the signed zone {zone.name}"
        text = text.replace(old, new)
    path.write_text(text)
    return _run([program("ldns-key2ds", "ldnsutils"), "-n", "-2", f"{base}.key"], directory).strip()


def _run(command: list[str], directory: Path) -> str:
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout


def _late(raw: bytes) -> bytes | None:
    """`127.0.0.1` to A, an exchange to MX."""
    try:
        query = dns.message.from_wire(raw)
    except dns.exception.DNSException:
        return None
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    question = query.question[0]
    values = {"A": "127.0.0.1", "MX": f"10 mx.{question.name}", "NS": f"ns.{question.name}"}
    if (value := values.get(question.rdtype.name)) is not None:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, value))
    return response.to_wire()


def _silence(raw: bytes) -> None:
    return None


def _nonsense(raw: bytes) -> bytes:
    return raw[:2] + b"\xff\xfe nonsense"


def _refusal(raw: bytes) -> bytes | None:
    try:
        response = dns.message.make_response(dns.message.from_wire(raw))
    except dns.exception.DNSException:
        return None
    response.set_rcode(dns.rcode.REFUSED)
    return response.to_wire()


_ODD: Mapping[int, tuple[Answer, float]] = {
    4: (_late, SLOW_S),
    5: (_silence, 0.0),
    6: (_nonsense, 0.0),
    7: (_refusal, 0.0),
}
"""By the last number of their address; and how late their answers are."""
