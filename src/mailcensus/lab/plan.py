"""The plan of a lab: which address offers which service with which key. Plain data, no keys and no sockets.

Everything a lab does follows from its plan; `population.make_plan` draws one from a seed, tests write small ones
by hand.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mailcensus.model import TlsMode


class KeyKind(StrEnum):
    """What a key is."""

    RSA_2048 = "rsa-2048"
    ECDSA_P256 = "ecdsa-p256"
    ED25519 = "ed25519"


class TlsVersions(StrEnum):
    """Which TLS versions a service accepts."""

    TLS12 = "1.2"
    TLS13 = "1.3"
    BOTH = "1.2-1.3"


class Cause(StrEnum):
    """Why a host is as it is; for groups, why its hosts share what they share."""

    SINGLE = "single"
    """Keys of its own."""
    CLONE = "clone"
    """One image copied: every key equal, the SSH host key too."""
    LOAD_BALANCED = "load_balanced"
    """One certificate on purpose, SSH host keys of their own."""
    DEFAULT_CERTIFICATE = "default_certificate"
    """A product's built-in certificate on hosts that have nothing to do with each other."""
    MACHINE = "machine"
    """One machine on several adjacent addresses."""
    CROSS_PROTOCOL = "cross_protocol"
    """One key as SSH host key and in a TLS certificate, on one host."""
    CROSS_PROTOCOL_PAIR = "cross_protocol_pair"
    """The SSH host key of one host is the TLS key of another."""
    RENEWED = "renewed"
    """One key in different certificates."""
    CHAIN = "chain"
    """A and B share one key, B and C another: one cluster, though A and C share nothing."""
    MULTI_HOMED = "multi_homed"
    """One machine in several networks."""
    SHARED_HOSTING = "shared_hosting"
    """A hoster's certificate in front of its customers' names."""
    CDN = "cdn"
    """A delivery network's certificate, shown from many places."""
    WILDCARD = "wildcard"
    """A wildcard certificate on hosts of its domain."""
    SUSPICIOUS = "suspicious"
    """Somebody's issued certificate on hosts in unrelated networks that have nothing to do with its name."""
    DEFAULT_KEY = "default_key"
    """A product's built-in SSH host key on unrelated hosts with TLS keys of their own."""
    MIXED = "mixed"
    """A copied image, one of whose hosts shows a product's built-in certificate as unrelated hosts do."""
    NO_TLS = "no_tls"
    """No STARTTLS and no TLS anywhere."""
    ONLY_SMTP = "only_smtp"
    """Everything but SMTP is closed."""
    RATE_LIMITED = "rate_limited"
    """421 to those who come for the first time."""
    STUCK = "stuck"
    """A service whose port never answers, on a host that does."""
    NO_SMTP = "no_smtp"
    """Other services, but none on the discovery port: nobody should find it."""
    MUTE = "mute"
    """Drops every SYN to the discovery port."""
    ABSENT = "absent"
    """Nothing listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlan:
    """A key pair. Its bytes follow from its kind and seed alone (see `material`)."""

    name: str
    kind: KeyKind
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePlan:
    """A certificate. Its bytes follow from this and its key."""

    name: str
    key: str
    common_name: str
    dns_names: tuple[str, ...] = ()
    issuer: str | None = None
    """Name of the issuing certificate, sent along with this one; None: self-signed."""
    authority: bool = False
    not_before: str = "2024-01-01"
    valid_days: int = 3_650


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """One service of one host."""

    name: str
    """As in study settings: smtp, submission, smtps, pop3, pop3s, imap, imaps, https, ssh."""
    protocol: str
    """smtp, pop3, imap, http or ssh."""
    tls: TlsMode
    port: int
    host_name: str
    greeting: str
    """The greeting line as sent, without its end; the Server header of HTTP; the identification of SSH."""
    capabilities_before: tuple[str, ...] = ()
    """EHLO lines after the first, CAPA lines, or IMAP capability words."""
    auth_before: tuple[str, ...] = ()
    """Ways to log in, as the server orders them; POP3: SASL mechanisms, then USER, then APOP."""
    capabilities_after: tuple[str, ...] = ()
    auth_after: tuple[str, ...] = ()
    starttls_offered: bool = False
    certificate: str | None = None
    host_key: str | None = None
    tls_versions: TlsVersions = TlsVersions.BOTH
    status: int = 200
    """HTTP only."""
    refusals: int = 0
    """SMTP only: so many visitors who wait for the greeting get a 421, then all is well."""
    mute: bool = False
    """Drops every SYN instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """One address and its services. A service that is not here has a dead port."""

    ip: str
    cause: Cause
    group: str
    """Hosts of one group were made together, e.g. clone-3."""
    services: tuple[ServicePlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """An AS of the lab: addresses from first to last."""

    first: str
    last: str
    asn: int
    as_org: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole lab."""

    seed: int
    block: str
    """The prefix asked; its addresses that are not among the hosts have nothing listening."""
    port_offset: int
    """Added to every service's standard port."""
    services: tuple[str, ...]
    """The services a study of this lab asks, in this order."""
    keys: tuple[KeyPlan, ...]
    certificates: tuple[CertificatePlan, ...]
    hosts: tuple[HostPlan, ...]
    networks: tuple[NetworkPlan, ...] = ()
    """In order of addresses, without gaps or overlaps."""

    @property
    def discovery_port(self) -> int:
        """The port whose listeners are hits."""
        return self.port_offset + 25

    def to_json(self) -> str:
        """The plan as JSON; `plan_from_json` reads it."""
        return json.dumps(asdict(self), indent=1)


def plan_from_json(text: str) -> Plan:
    """Read what `Plan.to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is not such a text.
    """
    raw: dict[str, Any] = json.loads(text)
    return Plan(
        seed=raw["seed"],
        block=raw["block"],
        port_offset=raw["port_offset"],
        services=tuple(raw["services"]),
        keys=tuple(KeyPlan(**{**key, "kind": KeyKind(key["kind"])}) for key in raw["keys"]),
        certificates=tuple(
            CertificatePlan(**{**certificate, "dns_names": tuple(certificate["dns_names"])})
            for certificate in raw["certificates"]
        ),
        hosts=tuple(_host(host) for host in raw["hosts"]),
        networks=tuple(NetworkPlan(**network) for network in raw["networks"]),
    )


def _host(raw: dict[str, Any]) -> HostPlan:
    services = tuple(_service(service) for service in raw["services"])
    return HostPlan(ip=raw["ip"], cause=Cause(raw["cause"]), group=raw["group"], services=services)


def _service(raw: dict[str, Any]) -> ServicePlan:
    lists = {name: tuple(value) for name, value in raw.items() if isinstance(value, list)}
    enums = {"tls": TlsMode(raw["tls"]), "tls_versions": TlsVersions(raw["tls_versions"])}
    return ServicePlan(**{**raw, **lists, **enums})
