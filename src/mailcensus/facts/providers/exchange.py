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

from mailcensus.facts.providers.holders import (
    SHARED_BY,
    Holders,
    are_similar,
    exchange_domain,
    resembles,
    shared_holder,
)
from mailcensus.facts.providers.seen import DomainSeen, Exchange
from mailcensus.facts.providers.table import Provider, ProviderTable
from mailcensus.model import Evidence, EvidenceKind, Party, Role

_PARTS = re.compile(r"[.\-_]")
_NAMES_MAX = 8
"""A certificate with names of more registered domains than this says nothing of who runs the server."""
_NUMBERS_OF_A_LINE = 2
_DECIDING = (
    EvidenceKind.CERTIFICATE,
    EvidenceKind.BANNER,
    EvidenceKind.EXCHANGE_NAME,
    EvidenceKind.PTR,
    EvidenceKind.AS,
)
NO_HOST = "the MX record names no host"
RESERVED = "the MX record names a host that cannot exist (RFC 6761)"
_RESERVED = (".invalid", ".localhost")


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
    named = _by_table(exchange, seen, evidence, holders, table)
    return named or _by_domains(exchange, seen, evidence, holders, table)


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
    exchange: Exchange,
    seen: DomainSeen,
    evidence: tuple[Evidence, ...],
    holders: Holders,
    table: ProviderTable,
) -> ExchangeReading | None:
    """The reading where something names a provider of the table."""
    strongest = next((one for one in evidence if one.provider and one.kind in _DECIDING), None)
    if strongest is None or strongest.provider is None:
        return None
    provider = table.providers[strongest.provider]
    others = {one.provider for one in evidence if one.provider and one.kind is not EvidenceKind.AS} - {
        provider.id
    }
    names = holders.names_of(seen)
    is_own = seen.registered_domain in provider.domains or any(
        shared_holder(names, holders.of_domain(domain)) is not None for domain in provider.domains
    )
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
    exchange: Exchange,
    seen: DomainSeen,
    evidence: tuple[Evidence, ...],
    holders: Holders,
    table: ProviderTable,
) -> ExchangeReading:
    """The reading by whose registered domain the exchange lies in."""
    operator, own = evidence[-1].value, seen.registered_domain or seen.domain
    if operator == own:
        return _own_name(exchange, seen, own, evidence, holders, table)
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


def _own_name(
    exchange: Exchange,
    seen: DomainSeen,
    own: str,
    evidence: tuple[Evidence, ...],
    holders: Holders,
    table: ProviderTable,
) -> ExchangeReading:
    """The exchange has the domain's own name: whose is the machine behind it?

    Trusted certificates and a greeting that the reverse name bears out are believed. Else the machine's reverse name:
    the holder's own, somebody else's server, or that of a line, which says nothing. Last the network: a web hoster's
    machine without a name of the holder's is the hoster's.
    """
    reverse = _domains(evidence, EvidenceKind.PTR)
    first = _Reading(exchange, own, evidence, Party.FIRST, Role.OWN)
    for kind in (EvidenceKind.CERTIFICATE, EvidenceKind.BANNER):
        named = _domains(evidence, kind)
        if any(_is_own(domain, seen, own, holders) for domain in named):
            return first.by(kind)
        if agreed := named & reverse if kind is EvidenceKind.BANNER else named:
            return _Reading(exchange, min(agreed), evidence, Party.THIRD, Role.HOSTING).by(kind)
    names = [one.value for one in evidence if one.kind is EvidenceKind.PTR]
    if any(_is_own(domain, seen, own, holders) for domain in reverse) or any(
        resembles(name, own, holders.policy) for name in names
    ):
        return first.by(EvidenceKind.PTR)
    servers = {exchange_domain(name) for name in names if not _is_line(name, table)}
    if servers:
        return _Reading(exchange, min(servers), evidence, Party.THIRD, Role.HOSTING).by(EvidenceKind.PTR)
    asns = (asn for server in exchange.servers for asn in server.asns)
    if (hoster := next(filter(None, map(table.of_network, asns)), None)) is not None:
        return ExchangeReading(
            exchange, Party.THIRD, hoster.role, hoster.id, hoster, EvidenceKind.AS, evidence
        )
    return first.by(EvidenceKind.REGISTERED_DOMAIN)


def _is_own(domain: str, seen: DomainSeen, own: str, holders: Holders) -> bool:
    """Whether a registered domain is the holder's, under whatever name."""
    return (
        domain == own
        or are_similar(domain, own, holders.policy)
        or shared_holder(holders.names_of(seen), holders.of_domain(domain)) is not None
        or holders.is_place_of(seen, domain)
    )


def _is_line(name: str, table: ProviderTable) -> bool:
    """Whether a reverse name is that of a line or a rented machine: numbers in it, or words that say so."""
    parts = _PARTS.split(name)
    provider = table.of_name(name)
    return (
        (provider is not None and provider.access)
        or sum(part.isdecimal() for part in parts) >= _NUMBERS_OF_A_LINE
        or not table.policy.line_parts.isdisjoint(part.rstrip("0123456789") for part in parts)
    )


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
