"""TLS reports: what RFC 8460 shows, what is left out, and any bytes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.senders.tls_reports import REPORT_BYTES, Arrival, NoReport, read_report, report_of_mail
from mailcensus.senders.web import parse_head

ARRIVAL = Arrival(
    run_id="r", arrived_at=datetime(2026, 11, 22, tzinfo=UTC), via="https", client_ip="192.0.2.1"
)

EXAMPLE = {  # RFC 8460 appendix B, shortened
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing"],
                "policy-domain": "company-y.example",
                "mx-host": ["*.mail.company-y.example"],
            },
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                },
                {
                    "result-type": "starttls-not-supported",
                    "failed-session-count": 200,
                    "failure-reason-code": "x",
                },
            ],
        }
    ],
}


def condition_of(domain: str) -> str | None:
    return "valid" if domain == "company-y.example" else None


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_example_of_the_rfc(pack: type[bytes]) -> None:
    (row,) = read_report(pack(json.dumps(EXAMPLE).encode()), ARRIVAL, condition_of)
    assert (row.organization, row.policy_type, row.condition) == ("Company-X", "sts", "valid")
    assert (row.successful_sessions, row.failed_sessions) == (5326, 303)
    assert row.begins_at == datetime(2016, 4, 1, tzinfo=UTC)
    assert row.failures is not None
    assert [(f.result_type, f.failed_sessions) for f in row.failures] == [
        ("certificate-expired", 100),
        ("starttls-not-supported", 200),
    ]
    assert "sts-reporting" not in str(row)  # a person's address


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"policies": []}', "no policies"),
        (b"\x1f\x8bxx", "not gzip"),
        (gzip.compress(b" " * (REPORT_BYTES + 10)), "more than"),
        (b"[" * 100_000, "not JSON"),
        (b'{"policies": [{"policy": 7, "summary": [], "failure-details": "x"}]}', None),
        (b'{"policies": [{"summary": {"total-successful-session-count": -1}}]}', None),
    ],
)
def test_what_cannot_be_read_is_a_row_that_says_why(raw: bytes, reason: str | None) -> None:
    (row,) = read_report(raw, ARRIVAL, condition_of)
    assert (row.error or "").startswith(reason or "")
    assert (row.error is None) is (reason is None)
    assert row.successful_sessions is None


_NAMES = st.sampled_from(
    [
        *("policies", "policy", "summary", "failure-details", "policy-domain", "date-range"),
        *("start-datetime", "mx-host", "result-type"),
    ]
)
_LEAVES = st.none() | st.integers() | st.text(max_size=5)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner), max_leaves=12
)


@settings(max_examples=60)
@given(_JSON)
def test_any_json_gives_rows(value: object) -> None:
    assert read_report(json.dumps({"policies": [value]}).encode(), ARRIVAL, condition_of)


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_a_reason(raw: bytes) -> None:
    assert read_report(raw, ARRIVAL, condition_of)
    try:
        report_of_mail(raw)
    except NoReport:
        pass
    try:
        parse_head(raw)
    except ValueError:
        pass
