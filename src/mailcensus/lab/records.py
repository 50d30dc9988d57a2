"""What a study would record of a plan, made without sockets and keys, for tests of analyses over many labs.

Keys and certificates are named by hashes of their names in the plan: nothing here is verified or verifiable. Noise
takes away what studies do not get to see: greetings, facts about addresses, whole services.
"""

from __future__ import annotations

import hashlib
import ipaddress
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.lab.plan import (
    Cause,
    CertificatePlan,
    HostPlan,
    KeyKind,
    KeyPlan,
    NetworkPlan,
    Plan,
    ServicePlan,
)
from mailcensus.model import (
    Certificate,
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

RUN_ID = "2026-11-22T00-00-00Z-0000"
_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_ALGORITHMS = {KeyKind.RSA_2048: "rsa", KeyKind.ECDSA_P256: "ecdsa", KeyKind.ED25519: "ed25519"}


_Said = tuple[bool, str]
"""Whether a machine's greeting names nobody, and the version it gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Shares of what a study does not get to see, and of what is other than the plan says."""

    nameless: float = 0.05
    """Hosts whose SMTP greeting names nobody."""
    unplaced: float = 0.03
    """Hosts that no database knows."""
    unanswered: float = 0.05
    """Services that were rate limited to the end."""
    updated: float = 0.05
    """Hosts with another version of their software than their image."""


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of a dataset's tables."""

    grabs: list[Grab]
    certificates: list[Certificate]
    keys: list[Key]
    hosts: list[Host]


def records_of(plan: Plan, noise: Noise, seed: int = 0) -> Records:
    """The records of a study of a plan whose hosts all answer."""
    rng = random.Random(f"mailcensus lab records {seed}")
    by_name = {certificate.name: certificate for certificate in plan.certificates}
    kinds = {key.name: key.kind for key in plan.keys}
    said: dict[str, _Said] = {}
    grabs = [grab for host in plan.hosts for grab in _grabs(host, by_name, kinds, noise, said, rng)]
    placed = [host for host in plan.hosts if host.services and rng.random() >= noise.unplaced]
    return Records(
        grabs,
        [_certificate(certificate, by_name) for certificate in plan.certificates],
        [_key(key) for key in plan.keys],
        _hosts(plan, placed),
    )


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _grabs(
    host: HostPlan,
    certificates: dict[str, CertificatePlan],
    kinds: dict[str, KeyKind],
    noise: Noise,
    said: dict[str, _Said],
    rng: random.Random,
) -> list[Grab]:
    # All addresses of one machine say the same.
    speaker = host.group if host.cause in (Cause.MACHINE, Cause.MULTI_HOMED) else host.ip
    if speaker not in said:
        said[speaker] = _draw_said(noise, rng)
    nameless, version = said[speaker]
    return [
        _unanswered(host.ip, service)
        if service.mute or rng.random() < noise.unanswered
        else _grab(host.ip, service, certificates, kinds, version, nameless)
        for service in host.services
    ]


def _draw_said(noise: Noise, rng: random.Random) -> _Said:
    nameless = rng.random() < noise.nameless
    return nameless, f"9.{rng.randrange(9)}" if rng.random() < noise.updated else "1.0"


def _unanswered(ip: str, service: ServicePlan) -> Grab:
    return Grab(
        run_id=RUN_ID, vantage="lab", started_at=_NOW, duration_ms=1, ip=ip, port=service.port, service=service.name,
        protocol=service.protocol, tls_mode=service.tls, outcome=Outcome.RATE_LIMITED, stage=Stage.GREETING,
    )  # fmt: skip


def _grab(
    ip: str,
    service: ServicePlan,
    certificates: dict[str, CertificatePlan],
    kinds: dict[str, KeyKind],
    version: str,
    nameless: bool,
) -> Grab:
    smtp = service.protocol == "smtp"
    greeting = f"220 ESMTP {version}" if smtp and nameless else service.greeting
    tls = ssh = None
    if service.certificate and (service.starttls_offered or service.tls is TlsMode.IMPLICIT):
        key = certificates[service.certificate].key
        tls = Tls(
            version=0x0304, version_name="TLSv1.3", cipher_suite=0x1302, spki_sha256=_name(key),
            leaf_sha256=_name(service.certificate), signature_verified=True,
        )  # fmt: skip
    if service.host_key:
        shown = SshHostKey(
            algorithm=_ALGORITHMS[kinds[service.host_key]], fingerprint=service.host_key,
            spki_sha256=_name(service.host_key), verified=True,
        )  # fmt: skip
        ssh = Ssh(identification=service.greeting, host_keys=(shown,))
    return Grab(
        run_id=RUN_ID, vantage="lab", started_at=_NOW, duration_ms=1, ip=ip, port=service.port, service=service.name,
        protocol=service.protocol, tls_mode=service.tls, outcome=Outcome.OK, stage=Stage.DONE,
        greeting=greeting if service.protocol not in ("http", "ssh") else None,
        software=None if service.protocol == "ssh" else _product(service), software_version=version, tls=tls, ssh=ssh,
    )  # fmt: skip


def _product(service: ServicePlan) -> str:
    """What stands for the product: the greeting without the host's name."""
    return service.greeting.replace(service.host_name, "")


def _certificate(plan: CertificatePlan, by_name: dict[str, CertificatePlan]) -> Certificate:
    issuer = by_name[plan.issuer] if plan.issuer else plan
    return Certificate(
        sha256=_name(plan.name), der=b"", spki_sha256=_name(plan.key), subject=f"CN={plan.common_name}",
        issuer=f"CN={issuer.common_name}", common_name=plan.common_name, sans=plan.dns_names,
        sans_count=len(plan.dns_names), is_ca=plan.authority, self_issued=plan.issuer is None,
        self_signed=plan.issuer is None,
    )  # fmt: skip


def _key(plan: KeyPlan) -> Key:
    return Key(spki_sha256=_name(plan.name), algorithm=_ALGORITHMS[plan.kind], spki_der=b"")


def _hosts(plan: Plan, placed: list[HostPlan]) -> list[Host]:
    first = [int(ipaddress.ip_address(network.first)) for network in plan.networks]
    return [
        _placed(host.ip, plan.networks[bisect_right(first, int(ipaddress.ip_address(host.ip))) - 1])
        for host in placed
    ]


def _placed(ip: str, network: NetworkPlan) -> Host:
    return Host(
        run_id=RUN_ID, ip=ip, looked_up_at=_NOW, country=network.country, asn=network.asn, as_org=network.as_org,
    )  # fmt: skip
