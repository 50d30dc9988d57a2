"""Who runs one exchange of a domain.

The order of trust is that of Liu et al.: a certificate that browsers would trust is vouched for by an authority, a
greeting is the server's own word, and the name in the MX record is the customer's, who may have chosen it. What names
nobody of the provider table decides only where the name in the MX record is the domain's own.

Source: Liu, Akiwate, Jonker, Mirian, Savage, Voelker, "Who's Got Your Mail? Characterizing Mail Service Provider
Usage" (IMC 2021), section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailcensus.facts.providers.holders import SHARED_BY, Holders, are_similar, exchange_domain, shared_holder
from mailcensus.facts.providers.seen import DomainSeen, Exchange
from mailcensus.facts.providers.table import Provider, ProviderTable
from mailcensus.model import Evidence, EvidenceKind, Party, Role

_PARTS = re.compile(r"[.\-_]")
_NAMES_MAX = 8
"""A certificate with names of more registered domains than this says nothing of who runs the server."""
_DECIDING = (
    EvidenceKind.CERTIFICATE,
    EvidenceKind.BANNER,
    EvidenceKind.EXCHANGE_NAME,
    EvidenceKind.PTR,
    EvidenceKind.AS,
)
NO_HOST = "the MX record names no host"
RESERVED = "the MX record names a host that cannot exist (RFC 2606, RFC 6761)"
_RESERVED = (".invalid", ".localhost", ".local", ".test", ".example")


@dataclass(frozen=True, slots=True)
class ExchangeReading:
    """What is said of one exchange."""

    exchange: Exchange
    party: Party
    role: Role
    operator: str | None = None
    """Id of the provider table, else the operator's registered domain."""
    provider: Provider | None = None
    decided_by: EvidenceKind | None = None
    evidence: tuple[Evidence, ...] = ()
    disputed: bool = False
    unknown_reason: str | None = None


def read_exchange(
    exchange: Exchange, seen: DomainSeen, holders: Holders, table: ProviderTable
) -> ExchangeReading:
    """Who runs an exchange, and from what that follows."""
    if not exchange.is_host or "." not in exchange.name:
        return ExchangeReading(exchange, Party.UNKNOWN, Role.UNKNOWN, unknown_reason=NO_HOST)
    evidence = tuple(_evidence(exchange, table))
    if exchange.name.endswith(_RESERVED) and not any(one.provider for one in evidence):
        return ExchangeReading(
            exchange, Party.UNKNOWN, Role.UNKNOWN, evidence=evidence, unknown_reason=RESERVED
        )
    named = _by_table(exchange, seen, evidence, table)
    return named or _by_domains(exchange, seen, evidence, holders)


def _evidence(exchange: Exchange, table: ProviderTable) -> Iterator[Evidence]:
    """All there is, the strongest first."""
    servers = exchange.servers
    certified = _once(name.removeprefix("*.") for one in servers for name in one.certificate_names)
    if len({exchange_domain(name) for name in certified}) <= _NAMES_MAX:
        yield from _of_names(EvidenceKind.CERTIFICATE, certified, table)
    yield from _of_names(EvidenceKind.BANNER, _once(name for one in servers for name in one.says), table)
    names = [exchange.name] if exchange.target is None else [exchange.target, exchange.name]
    yield from (
        Evidence(kind=EvidenceKind.EXCHANGE_NAME, value=name, provider=provider.id)
        for name in names
        if (provider := table.of_name(name)) is not None
    )
    yield from _of_reverse_names(_once(name for one in servers for name in one.reverse_names), table)
    yield from _of_systems(exchange, table)
    yield Evidence(kind=EvidenceKind.REGISTERED_DOMAIN, value=exchange_domain(names[0]))


def _of_names(kind: EvidenceKind, names: Sequence[str], table: ProviderTable) -> Iterator[Evidence]:
    """One piece for each provider or registered domain; those that the table knows first."""
    pieces: dict[str, Evidence] = {}
    for name in names:
        provider = table.of_name(name)
        if provider is not None:
            pieces.setdefault(provider.id, Evidence(kind=kind, value=name, provider=provider.id))
        elif "." in name:
            pieces.setdefault(exchange_domain(name), Evidence(kind=kind, value=name))
    yield from sorted(pieces.values(), key=lambda one: one.provider is None)


def _of_reverse_names(names: Sequence[str], table: ProviderTable) -> Iterator[Evidence]:
    """A customer's own machine or line has the operator's name on it too, and is told by the words in it."""
    for piece in _of_names(EvidenceKind.PTR, names, table):
        provider, parts = table.providers.get(piece.provider or ""), _PARTS.split(piece.value)
        is_line = provider is not None and (
            provider.access
            or not table.policy.line_parts.isdisjoint(part.rstrip("0123456789") for part in parts)
            or (provider.role is Role.HOSTING and any(part.isdecimal() for part in parts))
        )
        yield Evidence(kind=piece.kind, value=piece.value) if is_line else piece


def _of_systems(exchange: Exchange, table: ProviderTable) -> Iterator[Evidence]:
    seen: set[str] = set()
    for server in exchange.servers:
        provider = next(filter(None, map(table.of_system, server.asns)), None)
        numbers = " ".join(f"AS{asn}" for asn in server.asns)
        value = f"{numbers} {server.as_org or ''}".strip()
        if value and value not in seen:
            seen.add(value)
            yield Evidence(kind=EvidenceKind.AS, value=value, provider=provider.id if provider else None)


def _by_table(
    exchange: Exchange, seen: DomainSeen, evidence: tuple[Evidence, ...], table: ProviderTable
) -> ExchangeReading | None:
    """The reading where something names a provider of the table."""
    strongest = next((one for one in evidence if one.provider and one.kind in _DECIDING), None)
    if strongest is None or strongest.provider is None:
        return None
    provider = table.providers[strongest.provider]
    others = {one.provider for one in evidence if one.provider and one.kind is not EvidenceKind.AS} - {
        provider.id
    }
    is_own = seen.registered_domain in provider.domains
    return ExchangeReading(
        exchange,
        Party.FIRST if is_own else Party.THIRD,
        Role.OWN if is_own else provider.role,
        provider.id,
        provider,
        strongest.kind,
        evidence,
        disputed=bool(others),
    )


def _by_domains(
    exchange: Exchange, seen: DomainSeen, evidence: tuple[Evidence, ...], holders: Holders
) -> ExchangeReading:
    """The reading by whose registered domain the exchange lies in."""
    operator, own = evidence[-1].value, seen.registered_domain or seen.domain
    if operator == own:
        return _own_name(exchange, own, evidence)
    policy = holders.policy
    first = _Reading(exchange, operator, evidence, Party.FIRST, Role.OWN)
    names, others = holders.names_of(seen), holders.of_domain(operator)
    if shared := shared_holder(names, others):
        return first.by(EvidenceKind.HOLDER, shared)
    if holders.is_place_of(seen, operator):
        return first.by(EvidenceKind.HOLDER, operator)
    if are_similar(operator, own, policy):
        return first.by(EvidenceKind.SIMILAR_NAME, f"{operator}, {own}")
    is_public = any(operator == one or operator.endswith(f".{one}") for one in policy.public_suffixes)
    role = Role.SHARED_SERVICE if is_public else Role.HOSTING
    third = _Reading(exchange, operator, evidence, Party.THIRD, role)
    if others and names:
        return third.by(EvidenceKind.HOLDER, others[-1])
    if (served := holders.served(operator)) >= SHARED_BY:
        return third.by(EvidenceKind.SHARED, f"{operator} serves {served} holders")
    reason = f"nothing says whether {operator} is the holder's own or somebody else's"
    return ExchangeReading(
        exchange, Party.UNKNOWN, Role.UNKNOWN, operator, evidence=evidence, unknown_reason=reason
    )


def _own_name(exchange: Exchange, own: str, evidence: tuple[Evidence, ...]) -> ExchangeReading:
    """The exchange has the domain's own name: whose is the machine behind it?"""
    strong = [one for one in evidence if one.kind in (EvidenceKind.CERTIFICATE, EvidenceKind.BANNER)]
    domains = {kind: _domains(strong, kind) for kind in (EvidenceKind.CERTIFICATE, EvidenceKind.BANNER)}
    reverse = _domains(evidence, EvidenceKind.PTR)
    for kind, named in domains.items():
        if own in named:
            return _Reading(exchange, own, evidence, Party.FIRST, Role.OWN).by(kind)
        agreed = named & reverse if kind is EvidenceKind.BANNER else named
        if agreed:
            return _Reading(exchange, min(agreed), evidence, Party.THIRD, Role.HOSTING).by(kind)
    kind = EvidenceKind.PTR if own in reverse else EvidenceKind.REGISTERED_DOMAIN
    return _Reading(exchange, own, evidence, Party.FIRST, Role.OWN).by(kind)


def _domains(evidence: Iterable[Evidence], kind: EvidenceKind) -> set[str]:
    """Registered domains that a kind of evidence names."""
    return {exchange_domain(one.value) for one in evidence if one.kind is kind}


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reading but for what decided it."""

    exchange: Exchange
    operator: str
    evidence: tuple[Evidence, ...]
    party: Party
    role: Role

    def by(self, kind: EvidenceKind, value: str | None = None) -> ExchangeReading:
        """The reading, with one more piece of evidence where what decided is none of those seen."""
        more = (Evidence(kind=kind, value=value),) if value is not None else ()
        return ExchangeReading(
            self.exchange, self.party, self.role, self.operator, None, kind, (*more, *self.evidence)
        )


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
