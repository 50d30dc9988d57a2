"""Over all senders: conditions, recommendations, what others found, reports, and what belongs to nobody."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailcensus.analysis.senders.matching import Attempt
from mailcensus.analysis.senders.rows import (
    ConditionRow,
    PublishedFindingRow,
    RecommendationRow,
    SenderMatrixRow,
    TlsReportRow,
    UnmatchedRow,
    Verdict,
)
from mailcensus.model import Handshake
from mailcensus.senders.conditions import BY_NAME
from mailcensus.senders.deferrals import identities

_KEPT_BACK = (Verdict.BOUNCED, Verdict.REFUSED, Verdict.NOTHING)


def condition_rows(
    conditions: Sequence[Mapping[str, Any]], matrix: Sequence[SenderMatrixRow]
) -> list[ConditionRow]:
    """One row per condition, in the order given."""
    at: dict[str, list[SenderMatrixRow]] = defaultdict(list)
    for row in matrix:
        at[row.condition].append(row)
    return [_condition(condition, at[condition["condition"]]) for condition in conditions]


def _condition(condition: Mapping[str, Any], rows: Sequence[SenderMatrixRow]) -> ConditionRow:
    verdicts = Counter(row.verdict for row in rows)
    encrypted, clear = verdicts[Verdict.DELIVERED_ENCRYPTED], verdicts[Verdict.DELIVERED_CLEAR]
    kept_back = sum(verdicts[verdict] for verdict in _KEPT_BACK)
    known = encrypted + clear + kept_back
    judged = [row.careful for row in rows if row.careful is not None]
    return ConditionRow(
        condition=condition["condition"], group=condition["group"], title=condition["title"],
        should=condition["should"], rule=condition["rule"], senders=known, delivered_encrypted=encrypted,
        delivered_clear=clear, kept_back=kept_back, clear_share=clear / known if known else None,
        careful_share=sum(judged) / len(judged) if judged else None, undecided=len(rows) - known,
        went_on=sum(Handshake.WENT_ON in row.handshakes for row in rows), unavailable=condition["unavailable"],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Advice:
    finding: str
    holds: Callable[[SenderMatrixRow], bool]
    to_senders: str
    to_receivers: str
    source: str


def _in_clear(*groups: str) -> Callable[[SenderMatrixRow], bool]:
    return lambda row: (
        row.group in groups and row.verdict == Verdict.DELIVERED_CLEAR and row.should != "refuse"
    )


_ADVICE = (
    _Advice(
        "No TLS although all is right",
        lambda row: row.condition in ("valid", "implicit_tls", "dane_absent")
        and row.verdict == Verdict.DELIVERED_CLEAR,
        "Use STARTTLS wherever it is offered.",
        "A policy of MTA-STS or DANE makes careful senders insist on TLS.",
        "RFC 8314 section 3, RFC 3207",
    ),
    _Advice(
        "In the clear, because a certificate or an old version was not liked",
        lambda row: _in_clear("certificate", "tls")(row) and row.should == "encrypt_or_refuse",
        "Where nothing demands authentication, go on behind TLS with any certificate: the clear is never better.",
        "Keep certificates valid, and TLS 1.2 or newer on.",
        "RFC 7435 section 3",
    ),
    _Advice(
        "In the clear, because TLS failed",
        lambda row: _in_clear("starttls", "tls", "route")(row) and row.fell_back,
        "Put the message off and try again, try the next MX, and go to the clear last, if at all.",
        "Watch the logs for handshakes that fail; publish MTA-STS or DANE, so that nobody falls back.",
        "RFC 7435 section 3, RFC 8461",
    ),
    _Advice(
        "In the clear, because STARTTLS was not there: anybody on the way can take it out",
        lambda row: row.condition in ("no_starttls", "starttls_stripped") and row.verdict == Verdict.DELIVERED_CLEAR,
        "Follow MTA-STS and DANE; without a policy there is no telling an attack from an old server.",
        "Publish MTA-STS in mode enforce, or TLSA records in a signed zone.",
        "RFC 3207 section 6, RFC 8461, RFC 7672",
    ),
    _Advice(
        "MTA-STS is not followed",
        lambda row: row.condition.startswith("sts_enforce_") and row.careful is False,
        "Fetch policies of MTA-STS, and deliver nothing where enforce is not met.",
        "Publish TLSA records too, for senders that follow DANE only.",
        "RFC 8461 section 5",
    ),
    _Advice(
        "DANE is not followed",
        lambda row: row.condition in ("dane_mismatch", "dane_no_starttls") and row.careful is False,
        "Resolve by a validating resolver, and check TLSA records.",
        "Publish an MTA-STS policy too, for senders that follow that only.",
        "RFC 7672 section 2.2",
    ),
    _Advice(
        "Mail is lost where encryption without a known name would have been possible",
        lambda row: row.group == "certificate" and row.verdict in _KEPT_BACK,
        "Insist on certificates where a policy does; else encrypt to whoever is there.",
        "Use a certificate of a public authority: some senders insist.",
        "RFC 7435 section 3",
    ),
    _Advice(
        "Broken cryptography is accepted",
        lambda row: Handshake.WENT_ON in row.handshakes
        or (row.condition in ("null_cipher", "weak_key", "sha1") and row.verdict == Verdict.DELIVERED_ENCRYPTED),
        "Offer no RC4, 3DES, export or NULL suites and no SSL 3.0; refuse groups and keys below 2,048 bits where a "
        "policy demands authentication.",
        "Offer strong parameters only; a sender that takes weak ones can be made to.",
        "RFC 9325 section 4",
    ),
    _Advice(
        "A message was not delivered after a change",
        lambda row: row.group == "change" and row.verdict in _KEPT_BACK,
        "Come again after 4xx, and take a new key or certificate for what it is.",
        "Announce new keys in DNS before they are used where TLSA records name them.",
        "RFC 5321 section 4.5.4.1, RFC 7671 section 8.1",
    ),
)  # fmt: skip


def recommendation_rows(matrix: Sequence[SenderMatrixRow]) -> list[RecommendationRow]:
    """One row per finding that holds for anybody."""
    made = []
    for advice in _ADVICE:
        rows = [row for row in matrix if advice.holds(row)]
        if rows:
            made.append(
                RecommendationRow(
                    finding=advice.finding,
                    senders=_distinct(row.sender for row in rows),
                    conditions=_distinct(row.condition for row in rows),
                    to_senders=advice.to_senders,
                    to_receivers=advice.to_receivers,
                    source=advice.source,
                )
            )
    return made


_DURUMERIC = "Durumeric et al., Neither Snow Nor Rain Nor MITM, IMC 2015, abstract"
_LEE = (
    "Lee et al., A Longitudinal and Comprehensive Study of the DANE Ecosystem in Email, USENIX Security 2020, "
    "abstract"
)


def published_rows(matrix: Sequence[SenderMatrixRow]) -> list[PublishedFindingRow]:
    """What others found in so many words, beside what is comparable of ours; years, senders and conditions differ."""
    return [
        _published(
            "the top mail providers all proactively encrypt", _DURUMERIC,
            "delivered encrypted at `valid` / senders known there", matrix, ("valid",),
            lambda row: row.verdict == Verdict.DELIVERED_ENCRYPTED,
        ),
        _published(
            "SMTP policies favor failing open", _DURUMERIC,
            "delivered in the clear where STARTTLS is absent, stripped or refused / senders known at any of these",
            matrix, ("no_starttls", "starttls_stripped", "starttls_refused"),
            lambda row: row.verdict == Verdict.DELIVERED_CLEAR,
        ),
        _published(
            "29 email service providers were asked whether they check TLSA records", _LEE,
            "careful at `dane_mismatch` / senders known there", matrix, ("dane_mismatch",),
            lambda row: row.careful is True,
        ),
    ]  # fmt: skip


def _published(
    words: str,
    source: str,
    measure: str,
    matrix: Sequence[SenderMatrixRow],
    conditions: tuple[str, ...],
    holds: Callable[[SenderMatrixRow], bool],
) -> PublishedFindingRow:
    """A sender counts where it holds at any of the conditions."""
    rows = [row for row in matrix if row.condition in conditions and row.careful is not None]
    asked = {row.sender for row in rows}
    holding = {row.sender for row in rows if holds(row)}
    return PublishedFindingRow(
        published=words,
        source=source,
        measure=measure,
        ours=len(holding) / len(asked) if asked else None,
        senders=len(asked),
    )


def unmatched_rows(unmatched: Iterable[Attempt]) -> list[UnmatchedRow]:
    """Connections of nobody, by condition and outcome."""
    networks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for attempt in unmatched:
        networks[attempt["condition"], attempt["outcome"]].append(identities(attempt["client_ip"])[0])
    return [
        UnmatchedRow(condition=condition, outcome=outcome, attempts=len(found), networks=len(set(found)))
        for (condition, outcome), found in sorted(networks.items())
    ]


def report_rows(reports: Iterable[Mapping[str, Any]]) -> list[TlsReportRow]:
    """TLS reports by organization, condition and policy."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for report in reports:
        groups[report["organization"], report["condition"], report["policy_type"]].append(report)
    return [_reports(key, groups[key]) for key in sorted(groups, key=lambda key: tuple(map(str, key)))]


def _reports(key: tuple[Any, ...], rows: Sequence[Mapping[str, Any]]) -> TlsReportRow:
    return TlsReportRow(
        organization=key[0],
        condition=key[1] if key[1] in BY_NAME else None,
        policy_type=key[2],
        reports=len(rows),
        successful_sessions=sum(row["successful_sessions"] or 0 for row in rows),
        failed_sessions=sum(row["failed_sessions"] or 0 for row in rows),
        result_types=_distinct(
            f["result_type"] for row in rows for f in row["failures"] or () if f["result_type"]
        ),
        unreadable=sum(row["error"] is not None for row in rows),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
