"""`mailcensus grab`."""

from __future__ import annotations

import hashlib
import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from mailcensus.lab.plan import Plan
from mailcensus.lab.truth import truth_of
from mailcensus.model import Grab, fields_of


def der(pem: str) -> bytes:
    """The bytes of a PEM text."""
    return b64decode("".join(pem.splitlines()[1:-1]))


@contextmanager
def saying(greeting: bytes) -> Iterator[int]:
    """A server that greets so and closes; gives its port on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(greeting)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


@pytest.fixture(scope="module")
def host(lab: Plan) -> Any:
    """A host of the lab that shows one key by SSH and by SMTP behind STARTTLS."""
    truth = truth_of(lab)
    return next(
        (shown.ip, truth.hosts[shown.ip].services)
        for shown in truth.cross_protocol
        if truth.hosts[shown.ip].services["smtp"].chain
    )


def test_as_json_it_prints_the_columns_of_a_record_and_the_certificates(mailcensus: Any, host: Any) -> None:
    ip, services = host
    smtp = services["smtp"]
    ended = mailcensus("grab", f"{ip}:{smtp.port}", "--json")
    (record,) = ended.json
    assert ended.status == 0
    assert list(record) == [*(field.name for field in fields_of(Grab)), "certificates", "keys"]
    assert (record["ip"], record["port"], record["service"], record["outcome"]) == (
        ip,
        smtp.port,
        "smtp",
        "ok",
    )
    assert (record["greeting"], record["tls"]["spki_sha256"]) == (smtp.greeting, smtp.spki_sha256)
    assert record["auth_after"] == list(smtp.auth_after)
    assert [hashlib.sha256(der(pem)).hexdigest() for pem in record["certificates"]] == list(smtp.chain)
    assert record["certificates"][0].startswith("-----BEGIN CERTIFICATE-----\n")
    assert datetime.fromisoformat(record["started_at"]).utcoffset() == timedelta(0)


def test_an_ssh_host_key_comes_as_a_public_key(mailcensus: Any, host: Any) -> None:
    ip, services = host
    ssh = services["ssh"]
    (record,) = mailcensus("grab", f"{ip}:{ssh.port}", "--protocol", "ssh", "--json").json
    assert (record["certificates"], len(record["keys"])) == ([], 1)
    assert hashlib.sha256(der(record["keys"][0])).hexdigest() == ssh.spki_sha256
    assert record["ssh"]["host_keys"][0]["spki_sha256"] == ssh.spki_sha256


def test_for_people_it_shows_greeting_capabilities_tls_and_chain(mailcensus: Any, host: Any) -> None:
    ip, services = host
    smtp = services["smtp"]
    ended = mailcensus("grab", f"{ip}:{smtp.port}")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"{ip} port {smtp.port}, smtp: ok at done, ")
    for words in (
        smtp.greeting,
        "STARTTLS        offered, accepted",
        "TLSv1.",
        *smtp.chain,
        smtp.spki_sha256,
    ):
        assert words in ended.out
    assert "behind TLS" in ended.out


def test_for_people_it_shows_ssh_host_keys_with_their_fingerprints(mailcensus: Any, host: Any) -> None:
    ip, services = host
    ended = mailcensus("grab", f"{ip}:{services['ssh'].port}", "--protocol", "ssh")
    assert "SHA256:" in ended.out
    assert "(its signature is right)" in ended.out
    assert services["ssh"].spki_sha256 in ended.out


def test_what_a_peer_says_can_neither_steer_the_terminal_nor_be_read_as_markup(mailcensus: Any) -> None:
    with saying(b"220 [bold]evil[/] \x1b[2J\x07 \xe2\x80\xae\xff\r\n") as port:
        ended = mailcensus("grab", f"127.0.0.1:{port}")
    assert ended.status == 0
    assert r"greeting        220 [bold]evil[/] \x1b[2J\x07 \u202e\xff" in ended.out


def test_a_peer_that_refuses_is_a_record_too(mailcensus: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ended = mailcensus("grab", f"127.0.0.1:{port}")
    assert ended.status == 0
    assert f"127.0.0.1 port {port}, smtp: refused at connect" in ended.out
    assert mailcensus("grab", f"127.0.0.1:{port}", "--json").json[0]["outcome"] == "refused"


def test_a_name_is_sent_as_server_name(mailcensus: Any, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ip, services = host
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0))]
    monkeypatch.setattr("mailcensus.cli.target.socket.getaddrinfo", lambda *_, **__: answer)
    (record,) = mailcensus("grab", f"mx.lab.example:{services['smtp'].port}", "--json").json
    assert (record["ip"], record["tls"]["sni"]) == (ip, "mx.lab.example")


def test_bad_targets_are_one_line_and_status_2(mailcensus: Any) -> None:
    for arguments in (["127.0.0.1:x"], ["127.0.0.1", "--protocol", "nope"]):
        ended = mailcensus("grab", *arguments)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert ended.err.startswith("mailcensus: ")
