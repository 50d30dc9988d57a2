"""How senders behave: receivers with one thing wrong each, and what every sender did about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column
from mailcensus.model.flow import ClientHello
from mailcensus.model.outcome import TlsMode

_U16, _U32, _U64 = pa.uint16(), pa.uint32(), pa.uint64()


class AttemptOutcome(StrEnum):
    """What one connection of a sender came to, as the receiver saw it."""

    DELIVERED_ENCRYPTED = "delivered_encrypted"
    """A whole message was taken behind TLS."""
    DELIVERED_CLEAR = "delivered_clear"
    """A whole message was taken in the clear."""
    DEFERRED = "deferred"
    """The receiver said 4xx on purpose: come back later."""
    REJECTED = "rejected"
    """The receiver said 5xx: no recipient of ours, too large."""
    TLS_FAILED = "tls_failed"
    """STARTTLS was asked for, or TLS begun, and the connection ended without it."""
    LEFT = "left"
    """The sender left before it offered a message, TLS up or never asked for."""
    CUT = "cut"
    """The connection was lost while a message was being sent."""
    TIMEOUT = "timeout"
    """The sender fell silent."""
    LIMIT = "limit"
    """It passed a cap of ours: bytes, commands, time."""
    TURNED_AWAY = "turned_away"
    """Too many connections, of all or of this client: 421 at once."""
    INTERRUPTED = "interrupted"
    """The receiver itself ended before the connection did."""


class Handshake(StrEnum):
    """How far TLS came."""

    OK = "ok"
    """Both Finished messages were exchanged; what a client thinks of a certificate may come after."""
    CLIENT_ALERT = "client_alert"
    """The client ended it with an alert."""
    SERVER_ALERT = "server_alert"
    """We ended it: nothing in common."""
    WENT_ON = "went_on"
    """The client took a first flight that nobody can finish (SSLv3, RC4, 3DES, export): it would have gone on."""
    CUT = "cut"
    """The client closed or reset the connection without a word, or we did."""
    TIMEOUT = "timeout"
    """The client fell silent."""
    BROKEN = "broken"
    """What came was no TLS, or broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCondition:
    """One receiver of an experiment, and the one thing that is wrong with it."""

    run_id: Annotated[str, Column("the experiment")]
    condition: Annotated[str, Column("its name, e.g. self_signed")]
    group: Annotated[
        str, Column("what it is about: control, starttls, certificate, tls, change, route, policy")
    ]
    title: Annotated[str, Column("what is wrong, in words")]
    domain: Annotated[str, Column("domain of its recipients")]
    host_name: Annotated[str, Column("its MX name")]
    ip: Annotated[str, Column("address it listens at")]
    port: Annotated[int, Column("port it listens on", _U16)]
    should: Annotated[
        str,
        Column(
            "what a careful sender does: encrypt, encrypt_or_refuse, clear_or_refuse, refuse; any: no rule"
        ),
    ]
    rule: Annotated[str, Column("where that is written")]
    unavailable: Annotated[str | None, Column("why it cannot be served here; null: it can")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderToken:
    """One message of the experiment: what a sender is to send to a condition."""

    run_id: Annotated[str, Column("the experiment")]
    token: Annotated[str, Column("names the message; local part of its recipient")]
    sender: Annotated[str, Column("who is to send it, as study.toml names it")]
    condition: Annotated[str, Column("where to")]
    recipient: Annotated[str, Column("the address to send to")]
    planned_at: Annotated[datetime, Column("when the token was made")]
    wait_h: Annotated[float, Column("hours after sending until a missing arrival counts as an outcome")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One connection of a sender to a receiver. Of envelopes only domains are kept, of messages the token."""

    run_id: Annotated[str, Column("the experiment")]
    attempt_id: Annotated[str, Column("names the connection")]
    condition: Annotated[str, Column("the receiver's condition; `mailbox`: bounces and reports")]
    backup: Annotated[bool, Column("it is the condition's second MX")] = False
    phase: Annotated[
        str, Column("first or later: before and after the change, in conditions that change; else only")
    ] = "only"
    started_at: Annotated[datetime, Column("when the connection was taken")]
    duration_ms: Annotated[float, Column("until it was over")] = 0.0
    ip: Annotated[str, Column("the receiver's address")]
    port: Annotated[int, Column("the receiver's port", _U16)]
    client_ip: Annotated[str, Column("the sender's address")]
    client_port: Annotated[int, Column("the sender's port", _U16)]
    ptr: Annotated[str | None, Column("reverse name of the sender's address; null: none, or not asked")] = (
        None
    )
    ehlo_name: Annotated[
        str | None, Column("name it said with its last EHLO or HELO; null: it said none")
    ] = None
    esmtp: Annotated[bool | None, Column("it said EHLO; false: HELO only; null: neither")] = None
    tls_mode: Annotated[TlsMode, Column("starttls or implicit: what this receiver is for")]
    starttls_offered: Annotated[
        bool | None, Column("our answer to EHLO named STARTTLS; null: none was given")
    ] = None
    starttls_asked: Annotated[bool, Column("it sent STARTTLS")] = False
    client_hello: Annotated[ClientHello | None, Column("what it offered; null: no hello was read")] = None
    handshake: Annotated[Handshake | None, Column("how far TLS came; null: it was not begun")] = None
    tls_version: Annotated[str | None, Column("version agreed on, e.g. TLSv1.3, or chosen by us")] = None
    cipher_suite: Annotated[str | None, Column("suite agreed on, or chosen by us; IANA name")] = None
    group: Annotated[
        str | None, Column("key-exchange group agreed on, OpenSSL's name; null: none, or not known")
    ] = None
    alert: Annotated[str | None, Column("name of the last alert the sender sent, close_notify aside")] = None
    alert_sent: Annotated[str | None, Column("name of the last alert we sent, close_notify aside")] = None
    tls_error: Annotated[str | None, Column("what our TLS library said of it")] = None
    certificate_sha256: Annotated[str | None, Column("certificate we showed, SHA-256, hex; null: none")] = (
        None
    )
    auth_tried: Annotated[bool, Column("it tried to log in; what it sent was neither read nor kept")] = False
    mail_from_domain: Annotated[
        str | None, Column("domain of MAIL FROM; empty: the null sender of bounces; null: none was said")
    ] = None
    requiretls_asked: Annotated[
        bool | None, Column("MAIL FROM had REQUIRETLS (RFC 8689); null: no MAIL FROM")
    ] = None
    recipients_refused: Annotated[int, Column("recipients that are none of ours", _U32)] = 0
    token: Annotated[str | None, Column("token of the first recipient of ours; null: it named none")] = None
    body_token: Annotated[str | None, Column("token in the message itself; null: none was found")] = None
    data_started: Annotated[bool, Column("DATA was said and allowed")] = False
    data_in_clear: Annotated[bool | None, Column("the message came without TLS; null: no message came")] = (
        None
    )
    data_bytes: Annotated[int, Column("bytes of the message that came; they are not kept", _U64)] = 0
    replied: Annotated[int | None, Column("our last reply code", _U16)] = None
    quit: Annotated[bool, Column("it said QUIT")] = False
    last_command: Annotated[str | None, Column("the last command it sent, the verb only")] = None
    outcome: Annotated[AttemptOutcome, Column("what it came to")] = AttemptOutcome.INTERRUPTED
    error: Annotated[str | None, Column("why it ended, in one line; null: as it should")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderWatch:
    """A time in which the receivers were up: only then is silence a finding."""

    run_id: Annotated[str, Column("the experiment")]
    started_at: Annotated[datetime, Column("from when all of them listened")]
    ended_at: Annotated[datetime, Column("until when; after a crash the last sign of life")]
    crashed: Annotated[bool, Column("it ended without saying so")] = False
    attempts: Annotated[int, Column("connections recorded", _U64)] = 0
    dropped: Annotated[
        int, Column("connections closed unrecorded: more than the rate cap in a second", _U64)
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFetch:
    """One request for an MTA-STS policy (RFC 8461 section 3.3), or another to its HTTPS server."""

    run_id: Annotated[str, Column("the experiment")]
    asked_at: Annotated[datetime, Column("when")]
    client_ip: Annotated[str, Column("who asked")]
    server_name: Annotated[str | None, Column("SNI of the request; null: none, or TLS failed")] = None
    condition: Annotated[str | None, Column("the condition whose policy it is; null: none of ours")] = None
    method: Annotated[str | None, Column("request method; null: no request came")] = None
    path: Annotated[str | None, Column("path asked for")] = None
    user_agent: Annotated[str | None, Column("what the client calls itself")] = None
    tls_version: Annotated[str | None, Column("TLS version agreed on")] = None
    status: Annotated[int | None, Column("our answer; null: none", _U16)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportFailure:
    """One kind of failure in a report, RFC 8460 section 4.4."""

    result_type: Annotated[str | None, Column("result-type, e.g. starttls-not-supported")] = None
    sending_mta_ip: Annotated[str | None, Column("sending-mta-ip")] = None
    receiving_mx_hostname: Annotated[str | None, Column("receiving-mx-hostname")] = None
    receiving_ip: Annotated[str | None, Column("receiving-ip")] = None
    failed_sessions: Annotated[int | None, Column("failed-session-count", _U64)] = None
    reason_code: Annotated[str | None, Column("failure-reason-code")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport:
    """One policy of one TLS report (RFC 8460) that a sender's operator sent us. Nobody has proved who sent it."""

    run_id: Annotated[str, Column("the experiment")]
    arrived_at: Annotated[datetime, Column("when it came")]
    via: Annotated[str, Column("mail or https")]
    client_ip: Annotated[str, Column("who brought it")]
    organization: Annotated[str | None, Column("organization-name")] = None
    report_id: Annotated[str | None, Column("report-id")] = None
    begins_at: Annotated[datetime | None, Column("start-datetime")] = None
    ends_at: Annotated[datetime | None, Column("end-datetime")] = None
    policy_type: Annotated[str | None, Column("policy-type: tlsa, sts, no-policy-found")] = None
    policy_domain: Annotated[str | None, Column("policy-domain")] = None
    condition: Annotated[str | None, Column("the condition of that domain; null: none of ours")] = None
    policy_strings: Annotated[tuple[str, ...] | None, Column("policy-string")] = None
    mx_hosts: Annotated[tuple[str, ...] | None, Column("mx-host")] = None
    successful_sessions: Annotated[int | None, Column("total-successful-session-count", _U64)] = None
    failed_sessions: Annotated[int | None, Column("total-failure-session-count", _U64)] = None
    failures: Annotated[tuple[TlsReportFailure, ...] | None, Column("failure-details")] = None
    error: Annotated[str | None, Column("why it could not be read; null: it could")] = None
