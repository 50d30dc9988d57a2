"""One domain: where its mail goes, and what protects it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from mailcensus.facts.domains.answers import Inquiry
from mailcensus.facts.domains.exchange_names import exchange_names
from mailcensus.facts.domains.exchanges import addresses_of, exchange_row, implicit_row
from mailcensus.facts.domains.published import all_of, name_servers_of
from mailcensus.model import (
    AnswerState,
    DnsAnswer,
    DnssecState,
    Domain,
    ExchangeState,
    MailState,
    Mx,
    PolicyState,
)
from mailcensus.population.domain_list import ListedDomain

_MOST_EXCHANGES = 100


async def ask_domain(
    inquiry: Inquiry, listed: ListedDomain, wanted: Sequence[str], run_id: str
) -> tuple[Domain, list[Mx]]:
    """Ask all about one domain.

    Where the domain does not exist, or nobody answers for it, nothing more is asked about it.

    Args:
        wanted: what besides MX and addresses, as `domains.records`.
    """
    mx = await inquiry.ask(listed.domain, "MX")
    row = Domain(
        run_id=run_id,
        domain=listed.domain,
        as_given=listed.as_given,
        position=listed.position,
        registered_domain=listed.registered_domain,
        public_suffix=listed.public_suffix,
        groups=listed.groups,
        mail=MailState.UNKNOWN if mx is None else _unless_found(mx.state),
        dnssec=_dnssec(mx),
        asked_at=inquiry.last_at,
    )
    if mx is None or mx.state not in (AnswerState.ANSWER, AnswerState.NODATA):
        return replace(row, asked_at=inquiry.last_at), []
    (mail, exchanges), (spf, dmarc, mta_sts, tls_rpt, caa), (ns, ns_state) = await asyncio.gather(
        _exchanges(inquiry, listed.domain, mx, wants_tlsa="tlsa" in wanted),
        all_of(inquiry, listed, wanted),
        _name_servers(inquiry, listed.domain, wanted),
    )
    row = replace(row, mail=mail, exchanges=0 if mail is MailState.IMPLICIT_MX else len(exchanges))
    row = replace(row, spf=spf, dmarc=dmarc, mta_sts=mta_sts, tls_rpt=tls_rpt, caa=caa)
    return replace(row, ns=ns, ns_state=ns_state, asked_at=inquiry.last_at), exchanges


async def _name_servers(
    inquiry: Inquiry, domain: str, wanted: Sequence[str]
) -> tuple[tuple[str, ...] | None, AnswerState | None]:
    return await name_servers_of(inquiry, domain) if "ns" in wanted else (None, None)


async def _exchanges(
    inquiry: Inquiry, domain: str, mx: DnsAnswer, *, wants_tlsa: bool
) -> tuple[MailState, list[Mx]]:
    names = exchange_names(mx.rdata)[:_MOST_EXCHANGES]
    if not names:
        return await _without_mx(inquiry, domain, mx, wants_tlsa=wants_tlsa)
    rows = await asyncio.gather(
        *(exchange_row(inquiry, domain, name, mx, wants_tlsa=wants_tlsa) for name in names)
    )
    faults = {name.fault for name in names}
    if None in faults:
        return MailState.MX, rows
    return (MailState.NULL_MX if faults == {ExchangeState.NULL_MX} else MailState.BROKEN), rows


async def _without_mx(
    inquiry: Inquiry, domain: str, mx: DnsAnswer, *, wants_tlsa: bool
) -> tuple[MailState, list[Mx]]:
    """A domain without MX takes mail at its own addresses (RFC 5321 section 5.1)."""
    found = await addresses_of(inquiry, domain)
    if found.all:
        return MailState.IMPLICIT_MX, [await implicit_row(inquiry, domain, mx, found, wants_tlsa=wants_tlsa)]
    match found.without:
        case None:
            return MailState.UNKNOWN, []
        case AnswerState.ANSWER | AnswerState.NODATA | AnswerState.NXDOMAIN:
            return MailState.NO_MAIL, []
        case state:
            return MailState(str(state)), []


def _unless_found(state: AnswerState) -> MailState:
    """What the end of the question for MX says by itself."""
    if state in (AnswerState.ANSWER, AnswerState.NODATA):
        return MailState.UNKNOWN
    return MailState(str(state))


def _dnssec(mx: DnsAnswer | None) -> DnssecState:
    if mx is None:
        return DnssecState.NOT_ASKED
    if mx.state is AnswerState.BOGUS:
        return DnssecState.BOGUS
    if not mx.state.is_known or mx.authenticated is None:
        return DnssecState.UNKNOWN
    return DnssecState.SECURE if mx.authenticated else DnssecState.INSECURE


def wants_policy(domain: Domain) -> bool:
    """Whether a domain has a record that announces a policy (RFC 8461 section 3.1)."""
    return domain.mta_sts is not None and domain.mta_sts.record_state is PolicyState.PRESENT
