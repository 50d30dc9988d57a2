"""Receivers in a process of their own: every way of breaking TLS, a crash during DATA, policies, reports."""

from __future__ import annotations

import gzip
import http.client
import json
import smtplib
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailcensus.analysis.senders.tables import sender_tables
from mailcensus.dataset.tables import Dataset
from senders.served import Experiment, experiment, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated:DeprecationWarning"),
]

CONDITIONS = (
    *(
        "valid",
        "starttls_garbage",
        "starttls_reset",
        "ssl3",
        "rc4",
        "export",
        "dhe768",
        "dhe1024",
        "tls10",
        "null_cipher",
    ),
    *("requiretls", "implicit_tls", "revoked", "sts_enforce", "no_starttls"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Experiment]:
    """One experiment; what is asked of it is on disk once the receivers have ended."""
    planned = experiment(tmp_path_factory.mktemp("senders") / "study", *CONDITIONS, idle_s=5.0)
    with serving(planned):
        yield planned


@pytest.fixture(scope="module")
def talked(served: Experiment) -> Experiment:
    """The experiment after a client has been everywhere; the receivers write every two seconds."""
    for condition in CONDITIONS:
        if condition != "implicit_tls":
            starttls(served, condition)
    _post_report(served)
    _mail_report(served)
    _fetch_policy(served)
    _wait_until_written(served)
    return served


def weak_context() -> ssl.SSLContext:
    """A client that takes what it can get."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:eNULL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def starttls(planned: Experiment, condition: str) -> str | None:
    """Delivers behind TLS; gives the version, None where it failed."""
    post = planned.plan.post_of(condition)
    try:
        with smtplib.SMTP(post.ip, post.port, timeout=60, local_hostname="mx.one.test") as client:
            client.starttls(context=weak_context())
            assert isinstance(client.sock, ssl.SSLSocket)
            version = client.sock.version()
            client.sendmail("a@one.test", [planned.recipient(condition)], b"Subject: x\r\n\r\nhello\r\n")
            return version
    except (smtplib.SMTPException, OSError):
        return None


def _post_report(planned: Experiment) -> None:
    status, _ = _https(
        planned, planned.plan.reports_domain, "POST", "/tlsrpt", gzip.compress(_report(planned))
    )
    assert status == 201


def _mail_report(planned: Experiment) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "tls@org.example", planned.plan.report_address
    message.set_content("A report.")
    message.add_attachment(gzip.compress(_report(planned)), maintype="application", subtype="tlsrpt+gzip")
    post = planned.plan.post_of("mailbox")
    with smtplib.SMTP(post.ip, post.port, timeout=60) as client:
        client.send_message(message)


def _report(planned: Experiment) -> bytes:
    policy = {"policy-type": "sts", "policy-domain": planned.plan.domain_of("sts_enforce")}
    summary = {"total-successful-session-count": 3, "total-failure-session-count": 1}
    failure = {"result-type": "certificate-expired", "failed-session-count": 1}
    policies = [{"policy": policy, "summary": summary, "failure-details": [failure]}]
    return json.dumps({"organization-name": "Org", "report-id": "1", "policies": policies}).encode()


def _fetch_policy(planned: Experiment) -> None:
    host = planned.plan.policy_host("sts_enforce")
    status, body = _https(planned, host, "GET", "/.well-known/mta-sts.txt")
    assert (status, body.splitlines()[:2]) == (200, [b"version: STSv1", b"mode: enforce"])
    assert _https(planned, host, "GET", "/elsewhere")[0] == 404


def _https(planned: Experiment, host: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One request, with the name as SNI."""
    port = planned.study.settings.senders.https_port
    with (
        socket.create_connection((planned.plan.policy_ip, port), 10) as plain,
        weak_context().wrap_socket(plain, server_hostname=host) as tls,
    ):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\nContent-Length: {len(body)}\r\n\r\n"
        tls.sendall(head.encode() + body)
        response = http.client.HTTPResponse(tls, method=method)
        response.begin()
        return response.status, response.read()


def _wait_until_written(planned: Experiment) -> None:
    for _ in range(600):
        if planned.attempts("no_starttls") and planned.attempts("mailbox"):
            fetches = Dataset(planned.study.data).table("policy_fetches").to_pyarrow().num_rows
            if fetches >= 3:
                return
        _pause()
    raise AssertionError("the receivers did not write what they saw")


def _pause() -> None:
    select_nothing = socket.socketpair()
    select_nothing[0].settimeout(0.1)
    try:
        select_nothing[0].recv(1)
    except TimeoutError:
        pass
    finally:
        for end in select_nothing:
            end.close()


@pytest.mark.parametrize(
    ("condition", "outcome", "handshake", "version"),
    [
        ("valid", "delivered_encrypted", "ok", "TLSv1.3"),
        ("tls10", "delivered_encrypted", "ok", "TLSv1"),
        ("null_cipher", "delivered_encrypted", "ok", "TLSv1.2"),
        ("revoked", "delivered_encrypted", "ok", "TLSv1.3"),
        ("starttls_garbage", "tls_failed", "cut", None),
        ("starttls_reset", "tls_failed", "cut", None),
        ("ssl3", "tls_failed", "client_alert", "SSLv3"),
        ("rc4", "tls_failed", "server_alert", None),
        ("export", "tls_failed", "server_alert", None),
        ("dhe768", "tls_failed", "client_alert", "TLSv1.2"),
        ("dhe1024", "tls_failed", "went_on", "TLSv1.2"),
    ],
)
def test_each_condition_is_what_it_says(
    talked: Experiment, condition: str, outcome: str, handshake: str, version: str | None
) -> None:
    (row,) = talked.attempts(condition)
    assert (row["outcome"], row["handshake"], row["tls_version"]) == (outcome, handshake, version)
    assert row["client_hello"]["ja4"].startswith("t13i")
    assert row["ehlo_name"] == "mx.one.test"


def test_the_null_cipher_is_one(talked: Experiment) -> None:
    assert "NULL" in talked.attempts("null_cipher")[0]["cipher_suite"]


def test_reports_by_mail_and_by_https_are_read(talked: Experiment) -> None:
    rows = Dataset(talked.study.data).table("tls_reports").to_pyarrow().to_pylist()
    assert {(row["via"], row["condition"], row["failed_sessions"]) for row in rows} == {
        ("mail", "sts_enforce", 1),
        ("https", "sts_enforce", 1),
    }
    (summed,) = sender_tables(Dataset(talked.study.data)).reports
    assert (summed.organization, summed.reports, summed.result_types) == ("Org", 2, ("certificate-expired",))


def test_fetches_of_policies_are_recorded_with_their_name(talked: Experiment) -> None:
    rows = Dataset(talked.study.data).table("policy_fetches").to_pyarrow().to_pylist()
    assert {(row["condition"], row["path"], row["status"]) for row in rows} >= {
        ("sts_enforce", "/.well-known/mta-sts.txt", 200),
        ("sts_enforce", "/elsewhere", 404),
    }


def test_a_crash_during_a_message_is_recorded_and_the_experiment_goes_on(tmp_path: Path) -> None:
    planned = experiment(tmp_path / "study", "valid", "key_changed")
    post = planned.plan.post_of("valid")
    with serving(planned, kill=True):
        client = smtplib.SMTP(post.ip, post.port, timeout=60, local_hostname="mx.one.test")
        client.ehlo()
        client.mail("a@one.test")
        client.rcpt(planned.recipient("valid"))
        assert client.docmd("DATA")[0] == 354
        client.send(b"Subject: half a mess")
        _put_off(planned)
    with serving(planned) as process:
        (row,) = planned.attempts("valid")
        assert (row["outcome"], row["data_started"], row["data_in_clear"]) == ("interrupted", True, True)
        assert row["token"] == planned.plan.tokens[0].token
        assert starttls(planned, "key_changed") is not None  # it is known to have been put off
        assert process.poll() is None
    first, later = planned.attempts("key_changed")
    assert (first["phase"], first["outcome"]) == ("first", "deferred")
    assert (later["phase"], later["outcome"]) == ("later", "delivered_encrypted")
    assert first["certificate_sha256"] != later["certificate_sha256"]
    watches = Dataset(planned.study.data).table("sender_watches").to_pyarrow().to_pylist()
    assert sorted(row["crashed"] for row in watches) == [False, True]


def _put_off(planned: Experiment) -> None:
    assert starttls(planned, "key_changed") is None


def test_too_many_connections_of_one_client_are_turned_away_and_recorded(tmp_path: Path) -> None:
    planned = experiment(tmp_path / "study", "valid", client_connections=2)
    post = planned.plan.post_of("valid")
    with serving(planned):
        ends = [socket.create_connection((post.ip, post.port), 10) for _ in range(3)]
        greetings = [end.recv(100)[:3] for end in ends]
        for end in ends:
            end.close()
    assert sorted(greetings) == [b"220", b"220", b"421"]
    assert sorted(row["outcome"] for row in planned.attempts("valid")) == ["left", "left", "turned_away"]
