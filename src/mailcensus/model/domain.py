"""The domain study: the domains of a list, the mail exchanges they name, and every answer of DNS behind that.

`dns` is the evidence: one row for each question that a run has asked, asked once. `domains` and `mx` are read out of
it and out of policies fetched by HTTPS. A question that nobody answered leaves its finding `unknown`, never `absent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column

_SMALL = pa.uint16()
_CODE = pa.uint8()
_SECONDS = pa.uint64()
_GROUPS = pa.map_(pa.string(), pa.string())


class AnswerState(StrEnum):
    """How a question to DNS ended, with more detail than `DnsState`."""

    ANSWER = "answer"
    """There are records of that type."""
    NODATA = "nodata"
    """The name exists and has no such record."""
    NXDOMAIN = "nxdomain"
    """The name does not exist."""
    BOGUS = "bogus"
    """SERVFAIL because signatures do not hold: RFC 8914 says so, or without validation there is an answer."""
    LAME = "lame"
    """SERVFAIL because no name server of the zone answers for it (RFC 8914 codes 22 and 23)."""
    SERVFAIL = "servfail"
    """The resolver failed and did not say why."""
    REFUSED = "refused"
    """The resolver would not answer."""
    ERROR = "error"
    """Another code than these (FORMERR, NOTIMP, ...), or CNAMEs in a circle."""
    MALFORMED = "malformed"
    """What came back is no DNS message, or not one of this question."""
    TRUNCATED = "truncated"
    """The answer did not fit into UDP, and by TCP none came."""
    TIMEOUT = "timeout"
    """No resolver answered in time."""
    UNREACHABLE = "unreachable"
    """No resolver could be reached: refused, or no route."""

    @property
    def is_known(self) -> bool:
        """Whether DNS has said what there is; all other states leave it unknown."""
        return self in (AnswerState.ANSWER, AnswerState.NODATA, AnswerState.NXDOMAIN)


class MailState(StrEnum):
    """Where a domain says its mail goes."""

    MX = "mx"
    """To mail exchanges, at least one of which has a name that can be one."""
    NULL_MX = "null_mx"
    """Nowhere: a null MX (RFC 7505)."""
    IMPLICIT_MX = "implicit_mx"
    """To its own addresses: it has no MX (RFC 5321 section 5.1)."""
    BROKEN = "broken"
    """It has MX records and none of them names a host: IP literals, names that cannot be one."""
    NO_MAIL = "no_mail"
    """Nowhere: it exists and has neither MX nor address."""
    NXDOMAIN = "nxdomain"
    """The domain does not exist."""
    BOGUS = "bogus"
    LAME = "lame"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    ERROR = "error"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """These: unknown, since the question for its MX (or, without MX, for its addresses) ended so."""
    UNKNOWN = "unknown"
    """An import that has no MX for it and does not say why."""


class ExchangeState(StrEnum):
    """What became of one mail exchange."""

    OK = "ok"
    """It is a name that has addresses."""
    CNAME = "cname"
    """It has addresses, behind a CNAME (forbidden by RFC 2181 section 10.3, and common)."""
    NULL_MX = "null_mx"
    """A dot: no mail (RFC 7505). Beside other MX records it breaks that RFC and counts for nothing."""
    IP_LITERAL = "ip_literal"
    """An address where a name has to be."""
    INVALID = "invalid"
    """No name of a host: empty labels, other characters than letters, digits, hyphens and underscores."""
    NO_ADDRESS = "no_address"
    """The name exists and has neither A nor AAAA."""
    NXDOMAIN = "nxdomain"
    """The name does not exist."""
    BOGUS = "bogus"
    LAME = "lame"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    ERROR = "error"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    """These: unknown, since no address is known and a question for one ended so."""
    UNKNOWN = "unknown"
    """An import that has no address for it and does not say why."""


class PolicyState(StrEnum):
    """Whether a domain publishes something."""

    PRESENT = "present"
    ABSENT = "absent"
    """DNS says that there is none."""
    INVALID = "invalid"
    """There is something that those who read it must not use: bad syntax, two records where one may be."""
    UNKNOWN = "unknown"
    """The question was not answered."""
    NOT_ASKED = "not_asked"


class DnssecState(StrEnum):
    """What DNSSEC says of a domain (RFC 4035 section 4.3)."""

    SECURE = "secure"
    """Signed, and the signatures hold."""
    INSECURE = "insecure"
    """Not signed, or not by a chain from a trust anchor."""
    BOGUS = "bogus"
    """Signed, and the signatures do not hold."""
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spf:
    """Who may send mail of a domain (RFC 7208); look-ups of included records are not followed."""

    state: Annotated[PolicyState, Column("present, absent, invalid, unknown or not_asked")]
    records: Annotated[tuple[str, ...], Column("all records that begin as SPF does, as published")] = ()
    all_qualifier: Annotated[
        str | None, Column("what happens to everybody else: + pass, - fail, ~ softfail, ? neutral")
    ] = None
    includes: Annotated[tuple[str, ...], Column("domains of `include`, in order, lower case")] = ()
    redirect: Annotated[str | None, Column("domain of `redirect`")] = None
    lookups: Annotated[
        int | None, Column("terms of this record that cost the reader a look-up; more than 10 fail", _SMALL)
    ] = None
    error: Annotated[str | None, Column("why it is invalid or unknown")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dmarc:
    """What to do with mail that fails (RFC 7489)."""

    state: Annotated[PolicyState, Column("present, absent, invalid, unknown or not_asked")]
    record: Annotated[str | None, Column("the record, as published")] = None
    found_at: Annotated[
        str | None, Column("the domain whose record it is: the domain's own, or its registered domain")
    ] = None
    policy: Annotated[
        str | None, Column("none, quarantine or reject, for this domain: of a parent's record its `sp`")
    ] = None
    percent: Annotated[int | None, Column("share of failing mail it holds for", _CODE)] = None
    reports_to: Annotated[tuple[str, ...], Column("addresses for aggregate reports")] = ()
    failures_to: Annotated[tuple[str, ...], Column("addresses for failure reports")] = ()
    error: Annotated[str | None, Column("why it is invalid or unknown")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaSts:
    """Whether senders must use TLS with certificates that browsers would take (RFC 8461)."""

    state: Annotated[
        PolicyState, Column("the whole: present where record and policy are, invalid where one is not valid")
    ]
    record_state: Annotated[PolicyState, Column("of the TXT record")] = PolicyState.NOT_ASKED
    record: Annotated[str | None, Column("the TXT record, as published")] = None
    id: Annotated[str | None, Column("version of the policy, of the record")] = None
    policy_state: Annotated[
        PolicyState, Column("of the policy; not_asked without a record, or where the study fetches none")
    ] = PolicyState.NOT_ASKED
    fetch: Annotated[
        str | None,
        Column(
            "how the fetch ended: ok, no_address, dns, refused, timeout, reset, closed, tls, certificate, "
            "redirect, status, media_type, too_long, malformed, excluded"
        ),
    ] = None
    status: Annotated[int | None, Column("HTTP status", _SMALL)] = None
    policy: Annotated[str | None, Column("the policy, as it came")] = None
    mode: Annotated[str | None, Column("enforce, testing or none")] = None
    mx_patterns: Annotated[tuple[str, ...], Column("names that its exchanges may have, lower case")] = ()
    max_age_s: Annotated[int | None, Column("how long senders keep it", _SECONDS)] = None
    uncovered: Annotated[
        tuple[str, ...] | None, Column("exchanges of the domain that no pattern covers; null: no policy")
    ] = None
    error: Annotated[str | None, Column("why it is invalid or unknown")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReporting:
    """Where senders report trouble with TLS (RFC 8460)."""

    state: Annotated[PolicyState, Column("present, absent, invalid, unknown or not_asked")]
    record: Annotated[str | None, Column("the record, as published")] = None
    reports_to: Annotated[tuple[str, ...], Column("addresses (mailto:, https:)")] = ()
    error: Annotated[str | None, Column("why it is invalid or unknown")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caa:
    """Which authorities may issue certificates (RFC 8659)."""

    state: Annotated[PolicyState, Column("present, absent, invalid, unknown or not_asked")]
    found_at: Annotated[str | None, Column("the domain whose records hold: its own, or the next above")] = (
        None
    )
    records: Annotated[tuple[str, ...], Column("the records, as master files write them")] = ()
    issuers: Annotated[
        tuple[str, ...] | None, Column("who may issue; empty: nobody; null: no such property")
    ] = None
    wildcard_issuers: Annotated[
        tuple[str, ...] | None, Column("who may issue wildcards; null: no property of its own")
    ] = None
    report_to: Annotated[tuple[str, ...], Column("where violations are reported")] = ()
    error: Annotated[str | None, Column("why it is invalid or unknown")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One domain of the list of a run. Null: not asked, or nothing to say."""

    run_id: Annotated[str, Column("the run that asked")]
    domain: Annotated[str, Column("its name in DNS: A-labels, lower case, no last dot")]
    as_given: Annotated[str, Column("as the list spells it")]
    position: Annotated[
        int, Column("its place in the list, from 0, duplicates and rejects not counted", pa.uint32())
    ]
    registered_domain: Annotated[
        str | None, Column("one label more than its public suffix; null: it is a public suffix itself")
    ] = None
    public_suffix: Annotated[str | None, Column("its public suffix, by the list of publicsuffix.org")] = None
    groups: Annotated[
        Mapping[str, str],
        Column("the other columns of the list, under their own names, e.g. `Domain type`, `State`", _GROUPS),
    ]
    mail: Annotated[
        MailState,
        Column(
            "where its mail goes: mx, null_mx, implicit_mx, broken, no_mail, nxdomain; or unknown, by how the "
            "question ended: bogus, lame, servfail, refused, error, malformed, truncated, timeout, unreachable; "
            "unknown: an import that does not say"
        ),
    ]
    exchanges: Annotated[int, Column("MX records, as many as there are rows in `mx`", _SMALL)] = 0
    dnssec: Annotated[
        DnssecState, Column("by the resolver: secure (AD), insecure, bogus, unknown or not_asked")
    ] = DnssecState.NOT_ASKED
    dnssec_validated: Annotated[
        DnssecState,
        Column("as `dnssec`, by our own validation of the MX answer, where the study asks for it"),
    ] = DnssecState.NOT_ASKED
    dnssec_error: Annotated[str | None, Column("why our own validation failed")] = None
    ns: Annotated[tuple[str, ...] | None, Column("its name servers, sorted; null: unknown or not asked")] = (
        None
    )
    ns_state: Annotated[AnswerState | None, Column("how the question for them ended")] = None
    spf: Annotated[Spf | None, Column("Sender Policy Framework")] = None
    dmarc: Annotated[Dmarc | None, Column("DMARC")] = None
    mta_sts: Annotated[MtaSts | None, Column("MTA-STS")] = None
    tls_rpt: Annotated[TlsReporting | None, Column("TLS reporting")] = None
    caa: Annotated[Caa | None, Column("certification authority authorisation")] = None
    asked_at: Annotated[datetime, Column("when the last answer of those above came")]
    source: Annotated[str, Column("resolve: asked by us; or what it was imported from")] = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlsa:
    """One TLSA record (RFC 6698)."""

    usage: Annotated[int, Column("0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE; SMTP takes 2 and 3", _CODE)]
    selector: Annotated[int, Column("0 certificate, 1 public key", _CODE)]
    matching_type: Annotated[int, Column("0 as it is, 1 SHA-256, 2 SHA-512", _CODE)]
    data: Annotated[str, Column("what has to match, hexadecimal")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mx:
    """One mail exchange of a domain, or the domain itself where it has no MX (`implicit`)."""

    run_id: Annotated[str, Column("the run that asked")]
    domain: Annotated[str, Column("the domain, as in `domains`")]
    preference: Annotated[int, Column("the lowest is tried first (RFC 5321 section 5.1)", _SMALL)]
    exchange: Annotated[str, Column("its name: lower case, no last dot; `.` for a null MX")]
    implicit: Annotated[bool, Column("not an MX record: the domain's own addresses")] = False
    state: Annotated[
        ExchangeState,
        Column(
            "ok, cname, null_mx, ip_literal, invalid, no_address, nxdomain; or unknown, by how the questions for its "
            "addresses ended; unknown: an import that does not say"
        ),
    ]
    registered_domain: Annotated[str | None, Column("of the exchange, by the public suffix list")] = None
    cname_target: Annotated[str | None, Column("where its CNAMEs end; null: it has none")] = None
    addresses: Annotated[tuple[str, ...], Column("its A and AAAA records, IPv4 first")] = ()
    a_state: Annotated[AnswerState | None, Column("how the question for A ended; null: not asked")] = None
    aaaa_state: Annotated[AnswerState | None, Column("how the question for AAAA ended; null: not asked")] = (
        None
    )
    mx_secure: Annotated[bool | None, Column("the MX answer had the AD bit; null: no answer")] = None
    addresses_secure: Annotated[
        bool | None, Column("every answer with an address had the AD bit; null: no address")
    ] = None
    tlsa_state: Annotated[
        PolicyState, Column("of the TLSA records of port 25: present, absent, invalid, unknown or not_asked")
    ] = PolicyState.NOT_ASKED
    tlsa_secure: Annotated[
        bool | None, Column("their answer had the AD bit: senders may use them; null: no answer")
    ] = None
    tlsa_at: Annotated[str | None, Column("the name they were found at (RFC 7672 section 2.2.3)")] = None
    tlsa: Annotated[tuple[Tlsa, ...], Column("the records")] = ()
    asked_at: Annotated[datetime, Column("when the last answer of those above came")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """One question to DNS and its last answer. A run asks each question once, further tries aside."""

    run_id: Annotated[str, Column("the run that asked")]
    name: Annotated[str, Column("the name asked: lower case, no last dot")]
    type: Annotated[str, Column("the type asked: MX, A, AAAA, TXT, TLSA, CAA, NS, ...")]
    state: Annotated[
        AnswerState,
        Column(
            "answer, nodata, nxdomain, bogus, lame, servfail, refused, error, malformed, truncated, timeout or "
            "unreachable"
        ),
    ]
    rcode: Annotated[int | None, Column("response code (RFC 6895); null: no message came", _SMALL)] = None
    canonical_name: Annotated[str | None, Column("where CNAMEs led; null: there were none")] = None
    rdata: Annotated[tuple[str, ...], Column("records, as master files write them, sorted")] = ()
    ttl_s: Annotated[int | None, Column("how long the answer may be kept", pa.uint32())] = None
    authenticated: Annotated[bool | None, Column("the AD bit; null: no message came")] = None
    ede: Annotated[tuple[int, ...], Column("extended errors (RFC 8914)", _SMALL)] = ()
    ede_text: Annotated[str | None, Column("what the resolver said to them")] = None
    resolver: Annotated[str | None, Column("who gave the last answer, or was asked last")] = None
    transport: Annotated[str | None, Column("udp or tcp; or what it was imported from")] = None
    attempts: Annotated[int, Column("questions sent for it", _SMALL)] = 1
    asked_at: Annotated[datetime, Column("when it was first sent")]
    duration_ms: Annotated[
        float | None, Column("from there to the last answer, pauses for rates left out")
    ] = None
