"""Small populations written by hand, host by host, as a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.tables import Dataset
from mailcensus.model import (
    Certificate,
    Enumeration,
    Grab,
    Host,
    Key,
    Outcome,
    Ssh,
    SshHostKey,
    Stage,
    Tls,
    TlsMode,
)
from mailcensus.model.chain import Chain
from mailcensus.wire.services import SERVICE_BY_NAME

RUN = "2026-11-22T01-02-03Z-0000"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate: its key's name, its names, and who issued it (itself, unless told)."""

    key: str
    names: tuple[str, ...] = ()
    issuer: str | None = None
    subject: str | None = None
    algorithm: str = "ecdsa"

    @property
    def sha256(self) -> str:
        return named(f"{self.key} {self.names} {self.issuer} {self.subject}")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One address."""

    ip: str
    name: str | None = None
    ssh: str | None = None
    tls: Leaf | dict[str, Leaf] | None = None
    """One certificate for all of smtp, imap and https, or one for each service."""
    software: str | None = "Postfix"
    ssh_software: str = "SSH-2.0-OpenSSH_9.2p1"
    asn: int | None = None
    country: str | None = None
    as_org: str | None = None
    ptr: str | None = None
    place: tuple[float, float] | None = None
    """Degrees north and east."""
    anycast: bool | None = None
    suite: int = 0x1302


def named(text: str) -> str:
    """The hash that stands for a key or certificate of this name."""
    return sha256(text.encode()).hexdigest()


@contextmanager
def evidence_of(
    *servers: Server, enumerations: Iterable[Enumeration] = (), chains: Iterable[Chain] = ()
) -> Iterator[Evidence]:
    """The evidence of a run that found these."""
    with TemporaryDirectory() as directory:
        data = Path(directory)
        _write(data, "grabs", Grab, [grab for server in servers for grab in _grabs(server)])
        _write(data, "hosts", Host, [_facts(server) for server in servers])
        leaves = {leaf.sha256: leaf for server in servers for leaf in leaves_of(server).values()}
        _write(data, "certificates", Certificate, [_certificate(leaf) for leaf in leaves.values()])
        keys = {leaf.key: leaf.algorithm for leaf in leaves.values()}
        keys |= {server.ssh: "ed25519" for server in servers if server.ssh and server.ssh not in keys}
        _write(
            data, "keys", Key,
            [Key(spki_sha256=named(key), algorithm=kind, spki_der=b"") for key, kind in keys.items()],
        )  # fmt: skip
        _write(data, "enumerations", Enumeration, list(enumerations))
        _write(data, "chains", Chain, list(chains))
        yield gather(Dataset(data))


def side_by_side(cases: Mapping[str, Iterable[Server]]) -> tuple[list[Server], dict[str, str]]:
    """The servers of all cases as one population in which no case shares a key or a network with another one.

    Returns:
        The servers, with the first two octets (IPv6: the third group) changed; and the case of each address.
    """
    moved, case_of = [], {}
    for number, (case, servers) in enumerate(cases.items()):
        for server in servers:
            server = replace(
                server, ip=_moved(server.ip, number), ssh=server.ssh and f"{number} {server.ssh}"
            )
            if isinstance(server.tls, Leaf):
                server = replace(server, tls=replace(server.tls, key=f"{number} {server.tls.key}"))
            elif server.tls:
                own = {s: replace(leaf, key=f"{number} {leaf.key}") for s, leaf in server.tls.items()}
                server = replace(server, tls=own)
            moved.append(server)
            case_of[server.ip] = case
    return moved, case_of


def _moved(ip: str, number: int) -> str:
    if ":" in ip:
        return ip.replace("2001:db8:", f"2001:db8:{number + 1:x}:", 1)
    first, second, third, fourth = ip.split(".")
    return f"{first if first == '192' else 100 + int(second) % 50}.{number}.{third}.{fourth}"


def leaves_of(server: Server) -> dict[str, Leaf]:
    """Service to certificate."""
    if isinstance(server.tls, Leaf):
        return dict.fromkeys(("smtp", "imap", "https"), server.tls)
    return server.tls or {}


def _write(data: Path, table: str, record: type, rows: list[object]) -> None:
    if rows:
        PartWriter(data, table, record).write(rows)


def _grabs(server: Server) -> list[Grab]:
    leaves = leaves_of(server)
    grabs = [_grab(server, service, tls=_tls(server, leaf)) for service, leaf in leaves.items()]
    if "smtp" not in leaves:
        grabs.append(_grab(server, "smtp"))
    if server.ssh:
        key = SshHostKey(algorithm="x", fingerprint="y", spki_sha256=named(server.ssh), verified=True)
        grabs.append(_grab(server, "ssh", ssh=Ssh(identification=server.ssh_software, host_keys=(key,))))
    return grabs


def _tls(server: Server, leaf: Leaf) -> Tls:
    version = 0x0304 if server.suite >> 8 == 0x13 else 0x0303
    return Tls(
        version=version, cipher_suite=server.suite, spki_sha256=named(leaf.key), leaf_sha256=leaf.sha256
    )


def _grab(server: Server, service: str, *, tls: Tls | None = None, ssh: Ssh | None = None) -> Grab:
    row = SERVICE_BY_NAME[service]
    smtp = row.protocol == "smtp"
    return Grab(
        run_id=RUN, vantage="t", started_at=NOW, duration_ms=1, ip=server.ip, port=row.port, service=service,
        protocol=row.protocol, tls_mode=TlsMode.NONE, outcome=Outcome.OK, stage=Stage.DONE, tls=tls, ssh=ssh,
        greeting=f"220 {server.name or 'ESMTP'} ready" if smtp else None,
        software=server.software if smtp else None,
    )  # fmt: skip


def _facts(server: Server) -> Host:
    return Host(
        run_id=RUN, ip=server.ip, looked_up_at=NOW, country=server.country, asn=server.asn,
        as_org=server.as_org, ptr=server.ptr, latitude=server.place and server.place[0],
        longitude=server.place and server.place[1], anycast=server.anycast,
    )  # fmt: skip


def _certificate(leaf: Leaf) -> Certificate:
    subject = leaf.subject or f"CN={leaf.names[0] if leaf.names else ''}"
    return Certificate(
        sha256=leaf.sha256, der=b"", spki_sha256=named(leaf.key), subject=subject, issuer=leaf.issuer or subject,
        common_name=leaf.names[0] if leaf.names else None, sans=leaf.names, sans_count=len(leaf.names),
        self_issued=leaf.issuer is None, self_signed=leaf.issuer is None,
    )  # fmt: skip
