"""TLS reports (RFC 8460): JSON out of a mail or a POST, read into rows. Anything may be sent to us."""

from __future__ import annotations

import email
import email.errors
import email.policy
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mailcensus.model import TlsReport, TlsReportFailure
from mailcensus.wire.visible import one_line

REPORT_BYTES = 10 << 20
"""RFC 8460 names no bound; reports of the largest senders have some 100 kB."""
_POLICIES, _FAILURES, _STRINGS, _LETTERS, _PARTS = 1_000, 1_000, 100, 1_000, 50
_KINDS = ("application/tlsrpt+gzip", "application/tlsrpt+json", "application/gzip", "application/json")
_INT64 = 2**63 - 1


class NoReport(Exception):
    """The bytes are no report; one line that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How a report came."""

    run_id: str
    arrived_at: datetime
    via: str
    client_ip: str


def report_of_mail(message: bytes) -> bytes:
    """The report in a mail: the first part of a report's type (RFC 8460 section 5.3).

    Raises:
        NoReport: there is none.
    """
    try:
        parsed = email.message_from_bytes(message, policy=email.policy.compat32)
        for _, part in zip(range(_PARTS), parsed.walk(), strict=False):
            if part.get_content_type() in _KINDS:
                content = part.get_payload(decode=True)
                if isinstance(content, bytes):
                    return content
    except (ValueError, LookupError, RecursionError, email.errors.MessageError) as error:
        raise NoReport(f"not a mail: {error!r}") from None
    raise NoReport("no part of a report's type in the mail")


def read_report(raw: bytes, arrival: Arrival, condition_of: Callable[[str], str | None]) -> list[TlsReport]:
    """The rows of a report, JSON or gzip of it: one a policy. What cannot be read is one row with `error`.

    Args:
        condition_of: the condition of a policy domain.
    """
    try:
        report = _loaded(raw)
        policies = [each for each in _list(report.get("policies")) if isinstance(each, dict)]
        if not policies:
            raise NoReport("no policies in it")
        return [_row(report, policy, arrival, condition_of) for policy in policies[:_POLICIES]]
    except NoReport as reason:
        return [unreadable(arrival, str(reason))]


def unreadable(arrival: Arrival, reason: str) -> TlsReport:
    """The row of what could not be read."""
    return TlsReport(**_of(arrival), error=one_line(reason)[:_LETTERS])


def _loaded(raw: bytes) -> dict[str, Any]:
    if raw[:2] == b"\x1f\x8b":
        raw = _inflated(raw)
    if len(raw) > REPORT_BYTES:
        raise NoReport(f"more than {REPORT_BYTES} bytes")
    try:
        report = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NoReport(f"not JSON: {error}") from None
    if not isinstance(report, dict):
        raise NoReport("not a JSON object")
    return report


def _inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, REPORT_BYTES + 1)
    except zlib.error as error:
        raise NoReport(f"not gzip: {error}") from None


def _row(
    report: dict[str, Any],
    item: dict[str, Any],
    arrival: Arrival,
    condition_of: Callable[[str], str | None],
) -> TlsReport:
    policy, summary, dates = (
        each if isinstance(each, dict) else {}
        for each in (item.get("policy"), item.get("summary"), report.get("date-range"))
    )
    domain = _text(policy.get("policy-domain"))
    failures = item.get("failure-details")
    return TlsReport(
        **_of(arrival),
        organization=_text(report.get("organization-name")),
        report_id=_text(report.get("report-id")),
        begins_at=_time(dates.get("start-datetime")),
        ends_at=_time(dates.get("end-datetime")),
        policy_type=_text(policy.get("policy-type")),
        policy_domain=domain,
        condition=None if domain is None else condition_of(domain.lower().rstrip(".")),
        policy_strings=_texts(policy.get("policy-string")),
        mx_hosts=_texts(policy.get("mx-host")),
        successful_sessions=_count(summary.get("total-successful-session-count")),
        failed_sessions=_count(summary.get("total-failure-session-count")),
        failures=tuple(_failure(each) for each in failures[:_FAILURES] if isinstance(each, dict))
        if isinstance(failures, list)
        else None,
    )


def _failure(detail: dict[str, Any]) -> TlsReportFailure:
    return TlsReportFailure(
        result_type=_text(detail.get("result-type")),
        sending_mta_ip=_text(detail.get("sending-mta-ip")),
        receiving_mx_hostname=_text(detail.get("receiving-mx-hostname")),
        receiving_ip=_text(detail.get("receiving-ip")),
        failed_sessions=_count(detail.get("failed-session-count")),
        reason_code=_text(detail.get("failure-reason-code")),
    )


def _of(arrival: Arrival) -> dict[str, Any]:
    return {
        "run_id": arrival.run_id,
        "arrived_at": arrival.arrived_at,
        "via": arrival.via,
        "client_ip": arrival.client_ip,
    }


def _text(value: object) -> str | None:
    return one_line(value)[:_LETTERS] if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):  # senders that have one only often leave the list out
        value = [value]
    if not isinstance(value, list):
        return None
    return tuple(text for text in map(_text, value[:_STRINGS]) if text is not None)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _INT64 else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
