"""What a DNS message says of the question it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode

from mailcensus.model import AnswerState

BOGUS_CODES = frozenset({1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 27})
"""RFC 8914: unsupported algorithms aside, validation that failed; 27 is an NSEC3 iteration value (RFC 9276)."""
LAME_CODES = frozenset({22, 23})
"""RFC 8914: no reachable authority; network error."""

_MOST_RECORDS = 500
_MOST_ERROR_CHARACTERS = 500

_STATE_OF_RCODE: Mapping[int, AnswerState] = {
    dns.rcode.NXDOMAIN: AnswerState.NXDOMAIN,
    dns.rcode.SERVFAIL: AnswerState.SERVFAIL,
    dns.rcode.REFUSED: AnswerState.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says; fields as in `model.DnsAnswer`."""

    state: AnswerState
    rcode: int | None = None
    canonical_name: str | None = None
    rdata: tuple[str, ...] = ()
    ttl_s: int | None = None
    authenticated: bool = False
    ede: tuple[int, ...] = ()
    ede_text: str | None = None


def is_truncated(wire: bytes) -> bool:
    """Whether a message has the TC bit: the rest is to be had by TCP."""
    return bool(wire[2] & 0x02)


def read_answer(wire: bytes) -> Reading:
    """Read the answer to one question; any bytes give a reading."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, IndexError):
        return Reading(AnswerState.MALFORMED)
    codes, text = _extended_errors(message)
    rcode = int(message.rcode())
    about = {"rcode": rcode, "ede": codes, "ede_text": text}
    if rcode == dns.rcode.NOERROR:
        return _records(message, about)
    state = _STATE_OF_RCODE.get(rcode, AnswerState.ERROR)
    if state is AnswerState.SERVFAIL:
        state = _why(codes)
    authenticated = bool(message.flags & dns.flags.AD)
    return Reading(state, authenticated=authenticated, **about)  # type: ignore[arg-type]


def _why(codes: tuple[int, ...]) -> AnswerState:
    """What extended errors say of a SERVFAIL."""
    if BOGUS_CODES.intersection(codes):
        return AnswerState.BOGUS
    return AnswerState.LAME if LAME_CODES.intersection(codes) else AnswerState.SERVFAIL


def _records(message: dns.message.Message, about: Mapping[str, object]) -> Reading:
    authenticated = bool(message.flags & dns.flags.AD)
    try:
        assert isinstance(message, dns.message.QueryMessage)
        chain = message.resolve_chaining()
    except (dns.exception.DNSException, AssertionError):  # CNAMEs in a circle; another opcode
        return Reading(AnswerState.ERROR, **about)  # type: ignore[arg-type]
    asked = message.question[0].name
    canonical = None if chain.canonical_name == asked else _plain(chain.canonical_name.to_text())
    rdata = () if chain.answer is None else tuple(sorted(data.to_text() for data in chain.answer))
    return Reading(
        AnswerState.NODATA if chain.answer is None else AnswerState.ANSWER,
        canonical_name=canonical,
        rdata=rdata[:_MOST_RECORDS],
        ttl_s=None if chain.minimum_ttl > dns.ttl.MAX_TTL else chain.minimum_ttl,
        authenticated=authenticated,
        **about,  # type: ignore[arg-type]
    )


def _plain(name: str) -> str:
    return name.lower().rstrip(".") or "."


def _extended_errors(message: dns.message.Message) -> tuple[tuple[int, ...], str | None]:
    errors = [option for option in message.options if isinstance(option, dns.edns.EDEOption)]
    texts = "; ".join(error.text for error in errors if error.text)[:_MOST_ERROR_CHARACTERS]
    return tuple(int(error.code) for error in errors), texts or None
