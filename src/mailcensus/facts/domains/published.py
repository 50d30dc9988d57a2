"""What a domain publishes beside its MX: one question each, and what the answer says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mailcensus.facts.domains.answers import Inquiry
from mailcensus.facts.domains.caa import read_caa
from mailcensus.facts.domains.dmarc import read_dmarc
from mailcensus.facts.domains.mta_sts import read_record
from mailcensus.facts.domains.spf import read_spf
from mailcensus.facts.domains.texts import text_of
from mailcensus.facts.domains.tls_reporting import read_tls_reporting
from mailcensus.model import AnswerState, Caa, Dmarc, DnsAnswer, MtaSts, PolicyState, Spf, TlsReporting
from mailcensus.population.domain_list import ListedDomain


async def spf_of(inquiry: Inquiry, domain: str) -> Spf:
    """Who may send its mail."""
    answer = await inquiry.ask(domain, "TXT")
    state = _unread(answer)
    return Spf(state=state, error=_why(answer)) if state else read_spf(_texts(answer))


async def dmarc_of(inquiry: Inquiry, listed: ListedDomain) -> Dmarc:
    """What is to become of mail that fails: its own record, else that of its registered domain (RFC 7489 6.6.3)."""
    domains = dict.fromkeys([listed.domain, listed.registered_domain or listed.domain])
    found = Dmarc(state=PolicyState.NOT_ASKED)
    for domain in domains:
        answer = await inquiry.ask(f"_dmarc.{domain}", "TXT", is_shared=True)
        if state := _unread(answer):
            return Dmarc(state=state, found_at=domain if answer else None, error=_why(answer))
        found = read_dmarc(_texts(answer), domain, is_own=domain == listed.domain)
        if found.state is not PolicyState.ABSENT:
            break
    return found


async def mta_sts_record_of(inquiry: Inquiry, domain: str) -> MtaSts:
    """Its MTA-STS record; the policy is fetched later."""
    answer = await inquiry.ask(f"_mta-sts.{domain}", "TXT")
    if state := _unread(answer):
        return MtaSts(state=state, record_state=state, error=_why(answer))
    return read_record(_texts(answer))


async def tls_reporting_of(inquiry: Inquiry, domain: str) -> TlsReporting:
    """Where senders report trouble."""
    answer = await inquiry.ask(f"_smtp._tls.{domain}", "TXT")
    state = _unread(answer)
    return TlsReporting(state=state, error=_why(answer)) if state else read_tls_reporting(_texts(answer))


async def caa_of(inquiry: Inquiry, domain: str) -> Caa:
    """Who may issue its certificates: its own records, else those of the next domain above that has some."""
    labels = domain.split(".")
    for first in range(len(labels)):
        name = ".".join(labels[first:])
        answer = await inquiry.ask(name, "CAA", is_shared=True)
        if state := _unread(answer):
            return Caa(state=state, found_at=name if answer else None, error=_why(answer))
        if answer is not None and answer.state is AnswerState.ANSWER:
            return read_caa(answer.rdata, name)
    return Caa(state=PolicyState.ABSENT)


async def name_servers_of(inquiry: Inquiry, domain: str) -> tuple[tuple[str, ...] | None, AnswerState | None]:
    """Its name servers, and how the question for them ended. A domain inside another zone has none of its own."""
    answer = await inquiry.ask(domain, "NS")
    if answer is None:
        return None, None
    if not answer.state.is_known:
        return None, answer.state
    return tuple(sorted({name.lower().removesuffix(".") for name in answer.rdata})), answer.state


async def all_of(
    inquiry: Inquiry, listed: ListedDomain, wanted: Sequence[str]
) -> tuple[Spf | None, Dmarc | None, MtaSts | None, TlsReporting | None, Caa | None]:
    """Everything that a study wants of these, at the same time; None: not wanted."""
    domain = listed.domain

    async def not_wanted() -> None:
        return None

    return await asyncio.gather(
        spf_of(inquiry, domain) if "spf" in wanted else not_wanted(),
        dmarc_of(inquiry, listed) if "dmarc" in wanted else not_wanted(),
        mta_sts_record_of(inquiry, domain) if "mta_sts" in wanted else not_wanted(),
        tls_reporting_of(inquiry, domain) if "tls_rpt" in wanted else not_wanted(),
        caa_of(inquiry, domain) if "caa" in wanted else not_wanted(),
    )


def _unread(answer: DnsAnswer | None) -> PolicyState | None:
    """The state where an answer has nothing to read; None: it has been answered."""
    if answer is None:
        return PolicyState.NOT_ASKED
    return None if answer.state.is_known else PolicyState.UNKNOWN


def _why(answer: DnsAnswer | None) -> str | None:
    return None if answer is None else f"{answer.name} {answer.type}: {answer.state}"


def _texts(answer: DnsAnswer | None) -> list[str]:
    return [] if answer is None else [text_of(rdata) for rdata in answer.rdata]
