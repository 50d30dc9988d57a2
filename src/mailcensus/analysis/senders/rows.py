"""Rows of the tables about senders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from mailcensus.model import Column


class Verdict(StrEnum):
    """What became of a message."""

    DELIVERED_ENCRYPTED = "delivered_encrypted"
    DELIVERED_CLEAR = "delivered_clear"
    BOUNCED = "bounced"
    """It was given back to who sent it."""
    REFUSED = "refused"
    """The sender came, did not deliver, and has not come again within the wait."""
    RETRIED = "retried"
    """The sender came and did not deliver; it has still time to come again."""
    NOTHING = "nothing"
    """Nobody came within the wait, and the receivers were up all the time."""
    UNKNOWN = "unknown"
    """Nobody came, and the receivers were down for a part of the wait."""
    WAITING = "waiting"
    """Nobody has come yet."""
    NOT_SENT = "not_sent"
    """The run sheet says of no time at which it was sent, and nobody came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderMatrixRow:
    """One sender at one condition."""

    sender: Annotated[str, Column("the sender, as study.toml names it")]
    condition: Annotated[str, Column("the condition")]
    group: Annotated[str, Column("what the condition is about")]
    verdict: Annotated[
        str,
        Column(
            "delivered_encrypted, delivered_clear, bounced, refused (came, gave up), retried (came, may come again), "
            "nothing (nobody came), unknown (receivers were down), waiting, not_sent"
        ),
    ]
    should: Annotated[str, Column("what a careful sender does: see `sender_conditions`")]
    careful: Annotated[bool | None, Column("it did; null: not known yet, or no rule")]
    attempts: Annotated[int, Column("connections for this message")]
    inferred: Annotated[
        int,
        Column("of these: known by network or domain only, since they ended before a recipient was named"),
    ]
    encrypted: Annotated[int, Column("of these: TLS was established")]
    fell_back: Annotated[
        bool, Column("a message came in the clear after TLS had failed in an earlier attempt")
    ]
    backup_used: Annotated[bool | None, Column("it went to the second MX; null: there is none")]
    first_at: Annotated[datetime | None, Column("first connection")]
    last_at: Annotated[datetime | None, Column("last connection")]
    delivered_after_s: Annotated[
        float | None, Column("from the first connection to delivery; null: not delivered")
    ]
    gaps_s: Annotated[tuple[float, ...], Column("time between connections, in order")]
    versions: Annotated[tuple[str, ...], Column("TLS versions agreed on")]
    alerts: Annotated[tuple[str, ...], Column("alerts the sender sent")]
    handshakes: Annotated[tuple[str, ...], Column("how far TLS came, each once")]
    requiretls: Annotated[bool | None, Column("it asked for REQUIRETLS; null: it named no message")]
    policy_fetched: Annotated[
        bool | None,
        Column("the sender's network fetched the MTA-STS policy; null: there is none, or no attempt"),
    ]
    token: Annotated[str, Column("the message's token")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderCapabilityRow:
    """What one sender can do, over all its connections."""

    sender: Annotated[str, Column("the sender")]
    connections: Annotated[int, Column("connections that are known to be its own")]
    addresses: Annotated[int, Column("addresses it came from")]
    domains: Annotated[
        tuple[str, ...], Column("registered domains of its reverse names and of names it said")
    ]
    hellos: Annotated[int, Column("ClientHellos read")]
    ja4: Annotated[tuple[str, ...], Column("JA4 fingerprints")]
    ja3: Annotated[tuple[str, ...], Column("JA3 fingerprints")]
    lowest_version: Annotated[
        str | None, Column("lowest version offered; null: its hellos say the highest only")
    ]
    highest_version: Annotated[str | None, Column("highest version offered")]
    suites: Annotated[int | None, Column("cipher suites offered, the most in one hello")]
    weak_suites: Annotated[tuple[str, ...], Column("of these: RC4, 3DES, export, NULL, anonymous")]
    groups: Annotated[tuple[str, ...], Column("groups offered, in order of its newest hello")]
    post_quantum: Annotated[bool | None, Column("a hybrid with ML-KEM is among them; null: no hello")]
    sni_share: Annotated[float | None, Column("hellos with a server name / hellos")]
    requiretls: Annotated[bool, Column("it asked for REQUIRETLS where that was offered")]
    policies: Annotated[int, Column("MTA-STS policies fetched from its networks")]
    reports: Annotated[
        int, Column("policies it reported on by TLS-RPT, matched by the reports' networks or domain")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """One condition over all senders."""

    condition: Annotated[str, Column("the condition")]
    group: Annotated[str, Column("what it is about")]
    title: Annotated[str, Column("what is wrong")]
    should: Annotated[str, Column("what a careful sender does")]
    rule: Annotated[str, Column("where that is written")]
    senders: Annotated[int, Column("senders of which it is known what they did: the denominator")]
    delivered_encrypted: Annotated[int, Column("of these: delivered behind TLS")]
    delivered_clear: Annotated[int, Column("of these: delivered in the clear")]
    kept_back: Annotated[int, Column("of these: bounced, refused, nothing")]
    clear_share: Annotated[float | None, Column("delivered_clear / senders")]
    careful_share: Annotated[float | None, Column("careful senders / senders; null: nobody, or no rule")]
    undecided: Annotated[int, Column("senders of which it is not known yet, or never will be")]
    went_on: Annotated[
        int, Column("senders that took a first flight nobody can finish: they would have used it")
    ]
    unavailable: Annotated[str | None, Column("why it could not be served; null: it could")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationRow:
    """One thing a sender, or who receives from it, should change."""

    finding: Annotated[str, Column("what was found")]
    senders: Annotated[tuple[str, ...], Column("whose behaviour it is")]
    conditions: Annotated[tuple[str, ...], Column("at which conditions")]
    to_senders: Annotated[str, Column("what senders should do")]
    to_receivers: Annotated[str, Column("what receivers can do meanwhile")]
    source: Annotated[str, Column("where that is written")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFindingRow:
    """What others found, beside ours."""

    published: Annotated[str, Column("what they found")]
    source: Annotated[str, Column("who, where")]
    measure: Annotated[str, Column("what of ours is comparable, and its denominator")]
    ours: Annotated[float | None, Column("ours; null: nobody to count")]
    senders: Annotated[int, Column("senders counted: the denominator")]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedRow:
    """Connections that belong to no sender of the experiment."""

    condition: Annotated[str, Column("where to")]
    outcome: Annotated[str, Column("what they came to")]
    attempts: Annotated[int, Column("connections")]
    networks: Annotated[int, Column("networks (/24, /48) they came from")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportRow:
    """What one organization reported of one condition (RFC 8460)."""

    organization: Annotated[str | None, Column("who reports, in its own words; nobody has proved it")]
    condition: Annotated[
        str | None, Column("the condition; null: none of ours, or the report could not be read")
    ]
    policy_type: Annotated[str | None, Column("policy it applied: tlsa, sts, no-policy-found")]
    reports: Annotated[int, Column("policies in reports")]
    successful_sessions: Annotated[int, Column("sessions it says went well")]
    failed_sessions: Annotated[int, Column("sessions it says failed")]
    result_types: Annotated[tuple[str, ...], Column("why, in its words")]
    unreadable: Annotated[int, Column("reports that could not be read")]
