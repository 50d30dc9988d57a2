"""What became of each message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from mailcensus.analysis.senders.matching import Attempt, Matched
from mailcensus.analysis.senders.rows import SenderMatrixRow, Verdict
from mailcensus.model import AttemptOutcome, Handshake
from mailcensus.senders.conditions import BY_NAME, Should
from mailcensus.senders.deferrals import identities
from mailcensus.senders.run_sheet import Noted

_KNOWN = {
    Verdict.DELIVERED_ENCRYPTED,
    Verdict.DELIVERED_CLEAR,
    Verdict.BOUNCED,
    Verdict.REFUSED,
    Verdict.NOTHING,
}
_CAREFUL = {
    Should.ENCRYPT: {Verdict.DELIVERED_ENCRYPTED},
    Should.ENCRYPT_OR_REFUSE: _KNOWN - {Verdict.DELIVERED_CLEAR},
    Should.CLEAR_OR_REFUSE: _KNOWN - {Verdict.DELIVERED_ENCRYPTED},
    Should.REFUSE: _KNOWN - {Verdict.DELIVERED_CLEAR, Verdict.DELIVERED_ENCRYPTED},
}


@dataclass(frozen=True, slots=True)
class Watched:
    """When the receivers were up."""

    spans: Sequence[tuple[datetime, datetime]]

    @property
    def until(self) -> datetime | None:
        """The last sign of life: what is known is known as of then."""
        return max((end for _, end in self.spans), default=None)

    def covers(self, begin: datetime, end: datetime, slack: timedelta) -> bool:
        """Whether they were up all that time, pauses of at most `slack` aside: senders come again after longer ones."""
        at = begin
        for start, stop in sorted(self.spans):
            if start - at > slack:
                break
            at = max(at, stop)
        return at >= end - slack


_SLACK = timedelta(minutes=15)
"""Restarts; no sender of note gives up in less."""


def matrix_rows(
    tokens: Sequence[Mapping[str, Any]],
    matched: Matched,
    noted: Mapping[str, Noted],
    watched: Watched,
    fetches: Sequence[Mapping[str, Any]],
) -> list[SenderMatrixRow]:
    """One row per token, in the order given."""
    return [_row(token, matched, noted.get(token["token"]), watched, fetches) for token in tokens]


def _row(
    token: Mapping[str, Any],
    matched: Matched,
    noted: Noted | None,
    watched: Watched,
    fetches: Sequence[Mapping[str, Any]],
) -> SenderMatrixRow:
    name, condition = token["token"], BY_NAME[token["condition"]]
    certain, inferred = matched.certain.get(name, []), matched.inferred.get(name, [])
    attempts = sorted([*certain, *inferred], key=lambda attempt: attempt["started_at"])
    bounced = bool(matched.bounces.get(name)) or (noted is not None and noted.bounced_at is not None)
    sent_at = noted.sent_at if noted is not None else None
    verdict = _verdict(token, attempts, sent_at, watched, bounced=bounced)
    times = [attempt["started_at"] for attempt in attempts]
    delivered = next((a["started_at"] for a in attempts if a["outcome"] in _DELIVERED), None)
    return SenderMatrixRow(
        sender=token["sender"],
        condition=condition.name,
        group=condition.group,
        verdict=verdict.value,
        should=condition.should.value,
        careful=_careful(condition.should, verdict),
        attempts=len(attempts),
        inferred=len(inferred),
        encrypted=sum(attempt["handshake"] == Handshake.OK for attempt in attempts),
        fell_back=_fell_back(attempts),
        backup_used=any(attempt["backup"] for attempt in attempts) if condition.backup else None,
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
        delivered_after_s=(delivered - times[0]).total_seconds() if delivered is not None else None,
        gaps_s=tuple(round((later - at).total_seconds(), 3) for at, later in pairwise(times)),
        versions=_distinct(a["tls_version"] for a in attempts if a["handshake"] == Handshake.OK),
        alerts=_distinct(attempt["alert"] for attempt in attempts),
        handshakes=_distinct(attempt["handshake"] for attempt in attempts),
        requiretls=_requiretls(attempts),
        policy_fetched=_policy_fetched(condition.sts is not None, attempts, condition.name, fetches),
        token=name,
    )


_DELIVERED = {AttemptOutcome.DELIVERED_CLEAR: Verdict.DELIVERED_CLEAR,
              AttemptOutcome.DELIVERED_ENCRYPTED: Verdict.DELIVERED_ENCRYPTED}  # fmt: skip


def _verdict(
    token: Mapping[str, Any],
    attempts: Sequence[Attempt],
    sent_at: datetime | None,
    watched: Watched,
    *,
    bounced: bool,
) -> Verdict:
    outcomes = [attempt["outcome"] for attempt in attempts]
    if AttemptOutcome.DELIVERED_CLEAR in outcomes:
        return Verdict.DELIVERED_CLEAR  # once read by others it stays read, whatever came after
    if AttemptOutcome.DELIVERED_ENCRYPTED in outcomes:
        return Verdict.DELIVERED_ENCRYPTED
    if bounced:
        return Verdict.BOUNCED
    begin = attempts[0]["started_at"] if attempts else sent_at
    if begin is None:
        return Verdict.NOT_SENT
    end = (sent_at or begin) + timedelta(hours=token["wait_h"])
    over = watched.until is not None and watched.until >= end
    if attempts:
        return Verdict.REFUSED if over else Verdict.RETRIED
    if not over:
        return Verdict.WAITING
    return Verdict.NOTHING if watched.covers(begin, end, _SLACK) else Verdict.UNKNOWN


def _careful(should: Should, verdict: Verdict) -> bool | None:
    if verdict not in _KNOWN or should is Should.ANY:
        return None
    return verdict in _CAREFUL[should]


def _fell_back(attempts: Sequence[Attempt]) -> bool:
    failed = False
    for attempt in attempts:
        if failed and attempt["outcome"] == AttemptOutcome.DELIVERED_CLEAR:
            return True
        tried = attempt["starttls_asked"] or attempt["handshake"] is not None
        failed = failed or (tried and attempt["handshake"] != Handshake.OK)
        if failed and attempt["outcome"] == AttemptOutcome.DELIVERED_CLEAR:
            return True  # in the same connection: 454, and on in the clear
    return False


def _requiretls(attempts: Sequence[Attempt]) -> bool | None:
    said = [a["requiretls_asked"] for a in attempts if a["requiretls_asked"] is not None]
    return any(said) if said else None


def _policy_fetched(
    has_policy: bool, attempts: Sequence[Attempt], condition: str, fetches: Sequence[Mapping[str, Any]]
) -> bool | None:
    if not has_policy or not attempts:
        return None
    networks = {identities(attempt["client_ip"])[0] for attempt in attempts}
    return any(
        fetch["condition"] == condition and identities(fetch["client_ip"])[0] in networks for fetch in fetches
    )


def _distinct(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))
