"""Who handles a domain's mail: its exchanges read together, and the mailboxes behind a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailcensus.facts.providers.exchange import ExchangeReading, read_exchange
from mailcensus.facts.providers.holders import Holders
from mailcensus.facts.providers.name_rule import name_rule
from mailcensus.facts.providers.seen import DomainSeen
from mailcensus.facts.providers.table import Provider, ProviderTable
from mailcensus.model import DomainProvider, Evidence, EvidenceKind, MailState, MxProvider, Party, Role

_NO_MAIL = frozenset(map(str, (MailState.NULL_MX, MailState.NO_MAIL, MailState.NXDOMAIN)))
_KEEPERS = (Role.MAILBOX, Role.HOSTING, Role.SHARED_SERVICE, Role.OWN)
"""Who keeps mailboxes; others pass mail on."""
_PASSING = (Role.FILTER, Role.FORWARDING)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is said of a domain and of each of its exchanges."""

    domain: DomainProvider
    exchanges: tuple[MxProvider, ...]


@dataclass(frozen=True, slots=True)
class _Mailboxes:
    """Who keeps them."""

    party: Party
    provider: str | None = None
    known: Provider | None = None
    decided_by: EvidenceKind | None = None


def read_domain(seen: DomainSeen, holders: Holders, table: ProviderTable, run_id: str) -> Reading:
    """Who handles a domain's mail. Pure: the same that was seen gives the same reading."""
    if seen.mail in _NO_MAIL or not seen.exchanges:
        return Reading(_without_exchanges(seen, table, run_id), ())
    ordered = sorted(seen.exchanges, key=lambda one: (one.preference or 0, one.name))
    read = [read_exchange(one, seen, holders, table) for one in ordered]
    spf = tuple(_spf_evidence(seen, table))
    domain = _domain_row(seen, read, spf, table, run_id)
    return Reading(domain, tuple(_exchange_row(seen, one, run_id) for one in read))


def _without_exchanges(seen: DomainSeen, table: ProviderTable, run_id: str) -> DomainProvider:
    takes_none = seen.mail in _NO_MAIL
    return DomainProvider(
        run_id=run_id, domain=seen.domain, party=Party.NO_MAIL if takes_none else Party.UNKNOWN,
        role=Role.UNKNOWN, name_rule=Party.NO_MAIL if takes_none else Party.UNKNOWN,
        unknown_reason=None if takes_none else f"no exchange is known: {seen.mail}", rules=table.version,
    )  # fmt: skip


def _domain_row(
    seen: DomainSeen,
    read: Sequence[ExchangeReading],
    spf: tuple[Evidence, ...],
    table: ProviderTable,
    run_id: str,
) -> DomainProvider:
    front = _front(read)
    parties = {one.party for one in read} - {Party.UNKNOWN}
    party = Party.MIXED if len(parties) > 1 else next(iter(parties), Party.UNKNOWN)
    boxes = _mailboxes(front, read, spf, table)
    reverse_names = [name for server in front.exchange.servers for name in server.reverse_names]
    return DomainProvider(
        run_id=run_id, domain=seen.domain, party=party, provider=front.operator,
        provider_name=front.provider.name if front.provider else None,
        provider_country=front.provider.country if front.provider else None,
        role=front.role, decided_by=front.decided_by,
        providers=tuple(dict.fromkeys(one.operator for one in read if one.operator)),
        filtered_by=front.operator if front.role is Role.FILTER else None,
        mailbox_party=boxes.party, mailbox_provider=boxes.provider,
        mailbox_name=boxes.known.name if boxes.known else None,
        mailbox_country=boxes.known.country if boxes.known else None,
        mailbox_decided_by=boxes.decided_by, evidence=spf, disputed=front.disputed,
        name_rule=name_rule(front.exchange.name, reverse_names),
        unknown_reason=front.unknown_reason if party is Party.UNKNOWN else None, rules=table.version,
    )  # fmt: skip


def _front(read: Sequence[ExchangeReading]) -> ExchangeReading:
    """The exchange that takes the mail: of those tried first one that is known, else any known, else the first."""
    first = read[0].exchange.preference
    known = [one for one in read if one.party is not Party.UNKNOWN]
    return next((one for one in known if one.exchange.preference == first), known[0] if known else read[0])


def _mailboxes(
    front: ExchangeReading, read: Sequence[ExchangeReading], spf: Sequence[Evidence], table: ProviderTable
) -> _Mailboxes:
    """Who keeps the mailboxes: who takes the mail, or behind a filter another exchange or the one who may send."""
    if front.role in _KEEPERS:
        return _Mailboxes(front.party, front.operator, front.provider, front.decided_by)
    if front.role not in _PASSING:
        return _Mailboxes(Party.UNKNOWN)
    behind = [one for one in read if one.role in _KEEPERS]
    if len({one.operator for one in behind}) == 1:
        other = behind[0]
        return _Mailboxes(other.party, other.operator, other.provider, EvidenceKind.OTHER_EXCHANGE)
    senders = {one.provider for one in spf if one.provider} - {front.operator}
    keepers = [one for name in senders if (one := table.providers[str(name)]).role in _KEEPERS]
    mailbox = [one for one in keepers if one.role is Role.MAILBOX] or keepers
    if len(mailbox) == 1:
        return _Mailboxes(Party.THIRD, mailbox[0].id, mailbox[0], EvidenceKind.SPF)
    return _Mailboxes(Party.UNKNOWN)


def _spf_evidence(seen: DomainSeen, table: ProviderTable) -> list[Evidence]:
    pieces = []
    for include in seen.spf:
        provider = table.of_include(include)
        pieces.append(
            Evidence(kind=EvidenceKind.SPF, value=include, provider=provider.id if provider else None)
        )
    return sorted(pieces, key=lambda one: one.provider is None)


def _exchange_row(seen: DomainSeen, one: ExchangeReading, run_id: str) -> MxProvider:
    row = MxProvider(
        run_id=run_id, domain=seen.domain, exchange=one.exchange.name, preference=one.exchange.preference,
        party=one.party, provider=one.operator, role=one.role, decided_by=one.decided_by,
        evidence=one.evidence, disputed=one.disputed, unknown_reason=one.unknown_reason,
    )  # fmt: skip
    if one.provider is None:
        return row
    return replace(row, provider_name=one.provider.name, provider_country=one.provider.country)
