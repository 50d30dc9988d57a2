"""The mail exchanges of a domain: their addresses, and what DANE publishes for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mailcensus.facts.domains.answers import Inquiry, state_of
from mailcensus.facts.domains.exchange_names import ExchangeName
from mailcensus.model import AnswerState, DnsAnswer, ExchangeState, Mx, PolicyState, Tlsa
from mailcensus.population.registered_domains import registered_domain

_MOST_ADDRESSES = 200
_MOST_TLSA = 50


@dataclass(frozen=True, slots=True)
class Addresses:
    """What DNS said of the addresses of a name."""

    ipv4: DnsAnswer | None
    ipv6: DnsAnswer | None

    @property
    def all(self) -> tuple[str, ...]:
        """The addresses, IPv4 first."""
        answers = (answer for answer in (self.ipv4, self.ipv6) if answer is not None)
        return tuple(ip for answer in answers for ip in answer.rdata)[:_MOST_ADDRESSES]

    @property
    def cname_target(self) -> str | None:
        """Where CNAMEs led."""
        answers = (answer for answer in (self.ipv4, self.ipv6) if answer is not None)
        return next((answer.canonical_name for answer in answers if answer.canonical_name), None)

    @property
    def secure(self) -> bool | None:
        """Whether every answer with addresses had the AD bit; None: there is no such answer, or nobody can tell."""
        bits = [
            answer.authenticated
            for answer in (self.ipv4, self.ipv6)
            if answer is not None and answer.state is AnswerState.ANSWER
        ]
        if not bits or None in bits:
            return None
        return all(bits)

    @property
    def without(self) -> AnswerState | None:
        """Where there are none: why. What is not known comes before what is; None: not asked."""
        states = [answer.state for answer in (self.ipv4, self.ipv6) if answer is not None]
        if len(states) < 2:
            return next((state for state in states if not state.is_known), None)
        unknown = [state for state in states if not state.is_known]
        return unknown[0] if unknown else states[0]


async def addresses_of(inquiry: Inquiry, name: str) -> Addresses:
    """Ask for both kinds of address of a name."""
    ipv4, ipv6 = await asyncio.gather(
        inquiry.ask(name, "A", is_shared=True), inquiry.ask(name, "AAAA", is_shared=True)
    )
    return Addresses(ipv4, ipv6)


async def exchange_row(
    inquiry: Inquiry, domain: str, record: ExchangeName, mx: DnsAnswer, *, wants_tlsa: bool
) -> Mx:
    """The row of one MX record."""
    if record.fault is not None:
        return Mx(
            run_id=mx.run_id,
            domain=domain,
            preference=record.preference,
            exchange=record.name,
            state=record.fault,
            mx_secure=mx.authenticated,
            asked_at=inquiry.last_at,
        )
    found = await addresses_of(inquiry, record.name)
    return await _row(inquiry, domain, record, mx, found, wants_tlsa=wants_tlsa)


async def implicit_row(
    inquiry: Inquiry, domain: str, mx: DnsAnswer, found: Addresses, *, wants_tlsa: bool
) -> Mx:
    """The row of a domain that has addresses and no MX."""
    record = ExchangeName(0, domain)
    return await _row(inquiry, domain, record, mx, found, wants_tlsa=wants_tlsa, implicit=True)


async def _row(
    inquiry: Inquiry,
    domain: str,
    record: ExchangeName,
    mx: DnsAnswer,
    found: Addresses,
    *,
    wants_tlsa: bool,
    implicit: bool = False,
) -> Mx:
    addresses = found.all
    tlsa = await _tlsa(inquiry, record.name, found) if wants_tlsa and addresses else _NO_TLSA
    return Mx(
        run_id=mx.run_id,
        domain=domain,
        preference=record.preference,
        exchange=record.name,
        implicit=implicit,
        state=_state(found),
        registered_domain=registered_domain(record.name),
        cname_target=found.cname_target,
        addresses=addresses,
        a_state=state_of(found.ipv4),
        aaaa_state=state_of(found.ipv6),
        mx_secure=mx.authenticated,
        addresses_secure=found.secure,
        tlsa_state=tlsa.state,
        tlsa_secure=tlsa.secure,
        tlsa_at=tlsa.at,
        tlsa=tlsa.records,
        asked_at=inquiry.last_at,
    )


def _state(found: Addresses) -> ExchangeState:
    if found.all:
        return ExchangeState.CNAME if found.cname_target is not None else ExchangeState.OK
    match found.without:
        case None:
            return ExchangeState.UNKNOWN
        case AnswerState.ANSWER | AnswerState.NODATA:
            return ExchangeState.NO_ADDRESS
        case state:
            return ExchangeState(str(state))


@dataclass(frozen=True, slots=True)
class _TlsaFound:
    state: PolicyState
    secure: bool | None = None
    at: str | None = None
    records: tuple[Tlsa, ...] = ()


_NO_TLSA = _TlsaFound(PolicyState.NOT_ASKED)


async def _tlsa(inquiry: Inquiry, exchange: str, found: Addresses) -> _TlsaFound:
    """TLSA records of port 25: at the end of secure CNAMEs first, then at the name itself (RFC 7672 section 2.2.3)."""
    names = [exchange]
    if found.cname_target is not None and found.secure:
        names.insert(0, found.cname_target)
    read = _NO_TLSA
    for name in names:
        answer = await inquiry.ask(f"_25._tcp.{name}", "TLSA", is_shared=True)
        read = _read_tlsa(answer, name)
        if read.state is not PolicyState.ABSENT:
            break
    return read


def _read_tlsa(answer: DnsAnswer | None, name: str) -> _TlsaFound:
    if answer is None:
        return _NO_TLSA
    if not answer.state.is_known:
        return _TlsaFound(PolicyState.UNKNOWN)
    if answer.state is not AnswerState.ANSWER:
        return _TlsaFound(PolicyState.ABSENT, answer.authenticated)
    records = [_tlsa_of(rdata) for rdata in answer.rdata[:_MOST_TLSA]]
    good = tuple(record for record in records if record is not None)
    state = PolicyState.PRESENT if good else PolicyState.INVALID
    return _TlsaFound(state, answer.authenticated, name, good)


def _tlsa_of(rdata: str) -> Tlsa | None:
    """`3 1 1 AB CD...` (RFC 6698 section 2.2); None where it is none."""
    fields = rdata.split()
    numbers, data = fields[:3], "".join(fields[3:]).lower()
    if len(numbers) < 3 or not all(n.isascii() and n.isdecimal() and int(n[:4]) < 256 for n in numbers):
        return None
    usage, selector, matching_type = map(int, numbers)
    return Tlsa(usage=usage, selector=selector, matching_type=matching_type, data=data)
