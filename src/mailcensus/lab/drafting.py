"""Drafts of hosts: keys, certificates and services drawn from one stream of random numbers, addresses to come."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from mailcensus.lab.plan import Cause, CertificatePlan, HostPlan, KeyKind, KeyPlan, ServicePlan, TlsVersions
from mailcensus.lab.products import LISTENERS, PRODUCTS, Listener, Product, capabilities, ways_to_log_in
from mailcensus.lab.rsa_primes import RSA_KEYS
from mailcensus.model import TlsMode

TLS_SERVICES = tuple(row.name for row in LISTENERS if row.tls is not TlsMode.NONE)

_SERVICE_SETS = (
    tuple(row.name for row in LISTENERS),
    ("ssh", "smtp", "pop3", "imap", "https", "submission", "imaps"),
    ("ssh", "smtp", "imap", "imaps", "submission", "https"),
    ("ssh", "smtp", "submission", "smtps", "imaps", "pop3s"),
    ("ssh", "smtp", "https"),
    ("ssh", "smtp"),
)

_AUTH = (
    ("PLAIN", "LOGIN"),
    ("LOGIN", "PLAIN"),
    ("PLAIN",),
    ("PLAIN", "LOGIN", "CRAM-MD5"),
    ("DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"),
    ("GSSAPI", "NTLM", "LOGIN"),
    (),
)

_RSA_SHARE = 0.02
"""Of the keys drawn without a wish. Small, since there are only so many RSA keys."""
_ISSUED_SHARE = 0.3
_EXPIRED_SHARE = 0.1


class Where(StrEnum):
    """In which networks the hosts of a group are."""

    ANYWHERE = "anywhere"
    ONE_NETWORK = "one_network"
    """All in one, of a hoster or of an office."""
    HOSTER = "hoster"
    """All in one, of a hoster."""
    APART = "apart"
    """In as many different ones as there are, none of them a delivery network's."""
    CDN = "cdn"
    """In those of delivery networks, by turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A host that has no address yet."""

    cause: Cause
    group: str
    services: tuple[ServicePlan, ...] = ()
    where: Where = Where.ANYWHERE

    def at(self, ip: str) -> HostPlan:
        """The host, at its address."""
        return HostPlan(ip=ip, cause=self.cause, group=self.group, services=self.services)

    def changed(self, service: str, **fields: object) -> Draft:
        """The same host with one service changed."""
        services = tuple(
            replace(s, **fields) if s.name == service else s  # type: ignore[arg-type]
            for s in self.services
        )
        return replace(self, services=services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What hosts of one image have in common besides keys."""

    name: str
    product: Product
    services: tuple[str, ...]
    versions: TlsVersions
    auth_before: tuple[str, ...]
    auth_after: tuple[str, ...]


class Drafter:
    """Draws keys, certificates and hosts, and remembers the first two for the plan."""

    def __init__(self, rng: random.Random, seed: int, port_offset: int) -> None:
        self.rng = rng
        self.keys: list[KeyPlan] = []
        self.certificates: list[CertificatePlan] = []
        self._seed = seed
        self._port_offset = port_offset
        self._rsa_left = rng.sample(range(RSA_KEYS), RSA_KEYS)
        self._names = 0
        root = self.certificate(self.key(KeyKind.ECDSA_P256), "Lab Root CA", authority=True)
        self._issuer = self.certificate(
            self.key(KeyKind.ECDSA_P256), "Lab Issuing CA", issuer=root, authority=True
        )

    def key(self, kind: KeyKind | None = None) -> str:
        """A new key's name. RSA becomes ECDSA when the pool of RSA keys is used up."""
        if kind is None:
            kind = self._any_kind()
        if kind is KeyKind.RSA_2048 and not self._rsa_left:
            kind = KeyKind.ECDSA_P256
        number = len(self.keys)
        seed = str(self._rsa_left.pop()) if kind is KeyKind.RSA_2048 else f"{self._seed}/{number}"
        self.keys.append(KeyPlan(name=f"key-{number}", kind=kind, seed=seed))
        return self.keys[-1].name

    def _any_kind(self) -> KeyKind:
        if self.rng.random() < _RSA_SHARE:
            return KeyKind.RSA_2048
        return KeyKind.ECDSA_P256 if self.rng.random() < 0.7 else KeyKind.ED25519

    def tls_key(self) -> str:
        """A new key for a certificate. Mostly ECDSA: few web or mail servers have Ed25519 certificates."""
        return self.key(self.rng.choices((None, KeyKind.ECDSA_P256), (1, 3))[0])

    def certificate(
        self,
        key: str,
        common_name: str,
        *,
        issuer: str | None = None,
        authority: bool = False,
        names: tuple[str, ...] | None = None,
    ) -> str:
        """A new certificate's name. `names` are the common name unless told. Some are out of date."""
        expired = not authority and self.rng.random() < _EXPIRED_SHARE
        self.certificates.append(
            CertificatePlan(
                name=f"certificate-{len(self.certificates)}",
                key=key,
                common_name=common_name,
                dns_names=() if authority else names or (common_name,),
                issuer=issuer,
                authority=authority,
                not_before="2016-01-01" if expired else "2024-01-01",
                valid_days=730 if expired else 3_650,
            )
        )
        return self.certificates[-1].name

    def own_certificate(self, name: str, key: str | None = None) -> str:
        """A certificate as a host of this name would have: with a new key, self-signed or issued."""
        issuer = self._issuer if self.rng.random() < _ISSUED_SHARE else None
        return self.certificate(key or self.tls_key(), name, issuer=issuer)

    def issued_certificate(self, common_name: str, names: tuple[str, ...] | None = None) -> str:
        """A certificate with a new key, issued by the lab's authority."""
        return self.certificate(self.tls_key(), common_name, issuer=self._issuer, names=names)

    def domain(self) -> str:
        """A new registered domain."""
        self._names += 1
        return f"firm{self._names}.example"

    def name(self, domain: str | None = None) -> str:
        """A new host name, in a new domain unless told."""
        domain = domain or self.domain()
        self._names += 1
        return f"mx{self._names}.{domain}"

    def style(self, needed: Collection[str] = (), name: str | None = None) -> Style:
        """A new style whose services hold at least SMTP and the needed ones."""
        fitting = [s for s in _SERVICE_SETS if set(needed) <= set(s)]
        after = self.rng.choice(_AUTH)
        return Style(
            name=name or self.name(),
            product=self.rng.choice(PRODUCTS),
            services=self.rng.choice(fitting),
            versions=self.rng.choices(tuple(TlsVersions), (20, 10, 70))[0],
            auth_before=after if self.rng.random() < 0.3 else (),
            auth_after=after,
        )

    def host(
        self,
        cause: Cause,
        group: str,
        style: Style,
        certificates: Mapping[str, str],
        host_key: str | None,
        where: Where = Where.ANYWHERE,
    ) -> Draft:
        """A host of this style: TLS on the services that have a certificate, SSH when it has a host key."""
        services = tuple(
            self._service(row, style, certificates.get(row.name), host_key)
            for row in LISTENERS
            if row.name in style.services and self._possible(row, certificates, host_key)
        )
        return Draft(cause=cause, group=group, services=services, where=where)

    @staticmethod
    def _possible(row: Listener, certificates: Mapping[str, str], host_key: str | None) -> bool:
        if row.protocol == "ssh":
            return host_key is not None
        return row.tls is TlsMode.STARTTLS or row.name in certificates

    def _service(
        self, row: Listener, style: Style, certificate: str | None, host_key: str | None
    ) -> ServicePlan:
        starttls = row.tls is TlsMode.STARTTLS and certificate is not None
        mechanisms = row.protocol in ("smtp", "pop3", "imap") and row.name != "smtp"
        before = style.auth_before if mechanisms and row.tls is TlsMode.STARTTLS else ()
        after = style.auth_after if mechanisms else ()
        return ServicePlan(
            name=row.name,
            protocol=row.protocol,
            tls=row.tls,
            port=row.port + self._port_offset,
            host_name=style.name,
            greeting=_greeting(style, row.protocol),
            capabilities_before=capabilities(style.product, row.protocol, starttls=starttls, auth=before),
            auth_before=ways_to_log_in(style.product, row.protocol, before),
            capabilities_after=capabilities(style.product, row.protocol, starttls=False, auth=after),
            auth_after=ways_to_log_in(style.product, row.protocol, after),
            starttls_offered=starttls,
            certificate=certificate,
            host_key=host_key if row.protocol == "ssh" else None,
            tls_versions=style.versions,
            status=self.rng.choice((200, 200, 301, 403, 404)) if row.protocol == "http" else 200,
        )


def everywhere(certificate: str) -> dict[str, str]:
    """One certificate on every service that speaks TLS."""
    return dict.fromkeys(TLS_SERVICES, certificate)


def _greeting(style: Style, protocol: str) -> str:
    product = style.product
    texts = {
        "smtp": product.smtp,
        "pop3": product.pop3,
        "imap": product.imap,
        "ssh": product.ssh,
        "http": product.http,
    }
    return texts[protocol].replace("{name}", style.name)
