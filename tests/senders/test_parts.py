"""First flights made by hand, the gate, who is known again, and what counts as careful."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from mailcensus.analysis.senders.matching import match
from mailcensus.analysis.senders.pivot import column_names, pivot
from mailcensus.analysis.senders.verdicts import Watched, matrix_rows
from mailcensus.lab.pki import LabAuthorities, Terms
from mailcensus.model import ClientHello
from mailcensus.senders.certificates import Shown
from mailcensus.senders.conditions import BY_NAME, CONDITIONS, Should, Tls
from mailcensus.senders.deferrals import Deferrals, identities, registered_domain
from mailcensus.senders.gate import Admission, Gate
from mailcensus.senders.old_tls import OLD_KINDS, OldServer
from mailcensus.senders.run_sheet import Noted
from mailcensus.senders.tls_side import HelloWatch, TlsClosed, TlsEnded, TlsServer, watch_alerts
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.client_hello import OfferedHello
from mailcensus.wire.tls.messages import pull_certificate, pull_server_hello, pull_server_key_exchange_dhe
from mailcensus.wire.tls.records import MessageReader, RecordReader

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


@cache
def shown() -> Shown:
    signer = LabAuthorities().issue("mx.exp.example", None, Terms(rsa_bits=2_048))
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    return Shown(signer.key, (signer.certificate,))


def hello(*suites: int, version: int = 0x0303) -> OfferedHello:
    return OfferedHello(ClientHello(legacy_version=version, cipher_suites=suites), bytes(32), b"", ())


def messages(flight: bytes) -> list[tuple[int, bytes]]:
    """Handshake messages of a flight: type and body."""
    reader = MessageReader(1 << 20)
    return [
        (kind, message[4:])
        for _, _, fragment in RecordReader().feed(flight)
        for kind, message in reader.feed(fragment)
    ]


@pytest.mark.parametrize(
    ("tls", "offered", "version", "suite"),
    [
        (Tls.SSL3, (0x1301, 0x002F), 0x0300, 0x002F),
        (Tls.RC4, (0x002F, 0x0004), 0x0303, 0x0004),
        (Tls.TRIPLE_DES, (0x000A,), 0x0303, 0x000A),
        (Tls.EXPORT, (0x0003,), 0x0301, 0x0003),
        (Tls.DHE768, (0x009E,), 0x0303, 0x009E),
    ],
)
def test_a_hand_made_flight_is_what_our_own_reader_reads(
    tls: Tls, offered: tuple[int, ...], version: int, suite: int
) -> None:
    server = OldServer(OLD_KINDS[tls], shown())
    sent = messages(server.answer(hello(*offered)))
    chosen = pull_server_hello(sent[0][1])
    assert (chosen.legacy_version, chosen.cipher_suite) == (version, suite)
    assert pull_certificate(sent[1][1], Limits()).chain == shown().ders
    assert sent[-1] == (14, b"")
    assert (12 in [kind for kind, _ in sent]) is (OLD_KINDS[tls].prime is not None)


def test_the_servers_signature_over_a_short_group_is_right() -> None:
    server = OldServer(OLD_KINDS[Tls.DHE512], shown())
    sent = messages(server.answer(hello(0x009E)))
    body = next(body for kind, body in sent if kind == 12)
    exchange = pull_server_key_exchange_dhe(body, 0x0303)
    random = sent[0][1][2:34]
    length = len(body) - 2 - 2 - 256
    public = shown().chain[0].public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(body[-256:], bytes(32) + random + body[:length], padding.PKCS1v15(), hashes.SHA256())
    assert exchange is not None


def test_who_offers_nothing_of_it_is_told_so() -> None:
    server = OldServer(OLD_KINDS[Tls.RC4], shown())
    assert server.answer(hello(0x1301, 0xC02F)) == bytes.fromhex("15030300020228")
    assert (server.alert_sent, server.version) == ("handshake_failure", None)


def test_what_clients_make_of_a_flight_however_it_comes() -> None:
    for reaction, went_on, alert in (
        (bytes.fromhex("160303000610000002aabb"), True, None),
        (bytes.fromhex("15030300020228"), False, "handshake_failure"),
    ):
        for size in (1, 3, 100):
            server = OldServer(OLD_KINDS[Tls.RC4], shown())
            for at in range(0, len(reaction), size):
                server.receive(reaction[at : at + size])
            assert (server.went_on, server.alert) == (went_on, alert)


@cache
def context() -> SSL.Context:
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    key = shown().key
    assert key is not None
    made.use_certificate(shown().chain[0])
    made.use_privatekey(key)
    watch_alerts(made)
    return made


@settings(max_examples=40)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_in_the_place_of_a_hello_end_tls_or_wait_for_more(raw: bytes, is_record: bool) -> None:
    server, watch = TlsServer(context()), HelloWatch()
    sent = b"\x16\x03\x01" + len(raw).to_bytes(2, "big") + raw if is_record else raw
    watch.feed(sent)
    try:
        assert server.receive(sent) == b""
    except (TlsEnded, TlsClosed):
        pass
    server.outgoing()
    assert (server.established, server.suite, server.version) == (False, None, None)


def test_the_gate_counts_clients_and_all_and_seconds() -> None:
    gate = Gate(connections=3, client_connections=2, connections_per_s=100.0)
    assert [gate.admit("a", 1.0) for _ in range(3)] == [
        Admission.WELCOME,
        Admission.WELCOME,
        Admission.TURNED_AWAY,
    ]
    assert [gate.admit(who, 1.0) for who in "bc"] == [Admission.WELCOME, Admission.TURNED_AWAY]
    gate.leave("a")
    assert gate.admit("a", 1.0) is Admission.WELCOME
    slow = Gate(connections=9, client_connections=9, connections_per_s=1.0)
    assert [slow.admit("a", at) for at in (5.0, 5.1, 6.1)] == [
        Admission.WELCOME,
        Admission.DROPPED,
        Admission.WELCOME,
    ]
    assert slow.dropped == 1


def test_senders_are_known_again_by_network_or_domain() -> None:
    known = Deferrals()
    known.add("key_changed", "192.0.2.9", "mail-1.out.example.co.uk")
    assert known.knows("key_changed", "192.0.2.77", None)
    assert known.knows("key_changed", "198.51.100.1", "mail-2.other.example.co.uk")
    assert not known.knows("key_changed", "198.51.100.1", "mail.another.co.uk")
    assert not known.knows("valid", "192.0.2.9", None)
    assert identities("2001:db8:1:2::5") == ["2001:db8:1::/48"]
    assert [registered_domain(name) for name in ("localhost", "[192.0.2.1]", "192.0.2.1", "co.uk")] == [
        None
    ] * 4


def token(sender: str, condition: str) -> dict[str, Any]:
    return {"token": f"t-{sender}-{condition}", "sender": sender, "condition": condition, "wait_h": 24.0}


def attempt(condition: str, outcome: str, **changes: Any) -> dict[str, Any]:
    return {
        "token": None, "body_token": None, "condition": condition, "outcome": outcome, "started_at": AT,
        "client_ip": "192.0.2.1", "ehlo_name": "mx.one.example", "ptr": None, "handshake": None, "backup": False,
        "tls_version": None, "alert": None, "starttls_asked": False, "requiretls_asked": None,
        "mail_from_domain": None, **changes,
    }  # fmt: skip


ALWAYS = Watched([(AT - timedelta(days=1), AT + timedelta(days=9))])


def verdict(
    condition: str, *attempts: dict[str, Any], noted: Noted | None = None, watched: Watched = ALWAYS
) -> tuple[str, bool | None]:
    tokens = [token("one", condition)]
    name = tokens[0]["token"]
    (row,) = matrix_rows(tokens, match(tokens, attempts), {name: noted} if noted else {}, watched, [])
    return row.verdict, row.careful


def test_verdicts_of_messages_that_came() -> None:
    mine = {"token": "t-one-self_signed"}
    assert verdict("self_signed", attempt("self_signed", "delivered_encrypted", **mine)) == (
        "delivered_encrypted",
        True,
    )
    assert verdict("self_signed", attempt("self_signed", "delivered_clear", **mine)) == (
        "delivered_clear",
        False,
    )
    left = attempt("self_signed", "left", **mine)
    assert verdict("self_signed", left) == ("refused", True)
    assert verdict("self_signed", left, noted=Noted(AT, AT)) == ("bounced", True)
    early = Watched([(AT, AT + timedelta(hours=3))])
    assert verdict("self_signed", left, watched=early) == ("retried", None)
    bounce = attempt("mailbox", "delivered_clear", mail_from_domain="", **mine)
    assert verdict("self_signed", left, bounce, watched=early) == ("bounced", True)


def test_verdicts_of_messages_that_did_not_come() -> None:
    sent = Noted(AT, None)
    assert verdict("valid") == ("not_sent", None)
    assert verdict("valid", noted=sent) == ("nothing", False)
    assert verdict("valid", noted=sent, watched=Watched([(AT, AT + timedelta(hours=2))])) == ("waiting", None)
    gap = Watched([(AT, AT + timedelta(hours=2)), (AT + timedelta(hours=9), AT + timedelta(hours=40))])
    assert verdict("valid", noted=sent, watched=gap) == ("unknown", None)
    restart = Watched(
        [(AT, AT + timedelta(hours=2)), (AT + timedelta(hours=2, minutes=1), AT + timedelta(hours=40))]
    )
    assert verdict("valid", noted=sent, watched=restart) == ("nothing", False)


def test_an_attempt_without_a_token_is_given_to_nobody_where_two_senders_share_a_network() -> None:
    tokens = [token(sender, condition) for sender in ("one", "two") for condition in ("valid", "rc4")]
    failed = attempt("rc4", "tls_failed")
    known = attempt("valid", "delivered_encrypted", token="t-one-valid")
    assert match(tokens, [failed]).unmatched == [failed]
    assert match(tokens, [known, failed]).inferred == {"t-one-rc4": [failed]}
    shared = attempt("valid", "delivered_encrypted", token="t-two-valid")
    assert match(tokens, [known, shared, failed]).unmatched == [failed]


def test_the_matrix_has_a_column_for_each_sender() -> None:
    assert column_names(["a.b", "a-b", "1", "condition", "ß"]) == {
        "a.b": "a_b",
        "a-b": "a_b_2",
        "1": "s_1",
        "condition": "s_condition",
        "ß": "ß",
    }
    tokens = [token(sender, condition) for sender in ("x y", "z") for condition in ("valid", "rc4")]
    _, table = pivot(matrix_rows(tokens, match(tokens, []), {}, ALWAYS, []))
    assert table.column_names == ["condition", "should", "x_y", "z"]
    assert table.num_rows == 2


def test_every_condition_differs_from_the_control() -> None:
    assert len(BY_NAME) == len(CONDITIONS)
    control = replace(BY_NAME["valid"], name="", title="", group="", should=Should.ANY, rule="")
    alike = [
        each.name
        for each in CONDITIONS
        if replace(each, name="", title="", group="", should=Should.ANY, rule="") == control
    ]
    assert alike == ["valid", "dane_absent"]  # without a TLSA record the signed zone is all there is
