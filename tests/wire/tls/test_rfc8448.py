"""The TLS 1.3 traces of RFC 8448, byte for byte through our own session.

The session plays the client of each trace: it gets the private keys and the hellos of the RFC in place of its own,
and everything after that is computed. Section 4 (resumption, 0-RTT) is left out: an observer never resumes.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls import session as session_module
from mailcensus.wire.tls.codes import TLS_1_3, ContentType
from mailcensus.wire.tls.hello import PROFILES, ClientHello
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.protection import Protection13
from mailcensus.wire.tls.records import MessageReader
from mailcensus.wire.tls.schedule import Schedule13, Secret, finished_data
from mailcensus.wire.tls.session import Session
from mailcensus.wire.tls.shares import KeyPair, KeyPairs, _CurvePair, _XPair
from mailcensus.wire.tls.suites import suite_of

VECTORS = Path(__file__).parent / "vectors"
CHANGE_CIPHER_SPEC = bytes.fromhex("140303000101")
APPLICATION_DATA = bytes(range(50))
"""What both sides say in section 3."""
SUITE = suite_of(0x1301)
TRACES = ("simple", "hello_retry_request", "client_authentication", "compatibility_mode")


@dataclass(frozen=True)
class Trace:
    """One section of the RFC."""

    octets: dict[str, bytes]
    private_keys: dict[int, bytes]

    @classmethod
    def read(cls, name: str) -> Trace:
        table = tomllib.loads((VECTORS / f"rfc8448_{name}.toml").read_text())
        keys = table.pop("client_private_keys")
        return cls(
            {field: bytes.fromhex(value) for field, value in table.items()},
            {int(group): bytes.fromhex(value) for group, value in keys.items()},
        )

    def __getitem__(self, field: str) -> bytes:
        return self.octets[field]

    def server_bytes(self) -> bytes:
        """From ServerHello to the server's Finished, as records."""
        change = self.octets.get("server_change_cipher_spec_record", b"")
        return record(self["server_hello"]) + change + self["server_flight_record"]


class PublishedKeyPairs(KeyPairs):
    """The pairs of a trace instead of fresh ones."""

    def __init__(self, private_keys: dict[int, bytes]) -> None:
        super().__init__()
        self._private_keys = private_keys

    def pair(self, group: int) -> KeyPair | None:
        private = self._private_keys[group]
        return _x25519_pair(private) if group == 29 else _p256_pair(private)


def _x25519_pair(private: bytes) -> KeyPair:
    pair = object.__new__(_XPair)
    pair._private = x25519.X25519PrivateKey.from_private_bytes(private)
    pair.public = pair._private.public_key().public_bytes_raw()
    return pair


def _p256_pair(private: bytes) -> KeyPair:
    pair = object.__new__(_CurvePair)
    pair._curve = ec.SECP256R1()
    pair._private = ec.derive_private_key(int.from_bytes(private, "big"), pair._curve)
    pair.public = pair._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return pair


def record(message: bytes) -> bytes:
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


def hello(message: bytes) -> ClientHello:
    length = message[38]
    return ClientHello(
        message=message, legacy_version=0x0303, random=message[6:38], session_id=message[39 : 39 + length]
    )


def client_of(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session that sends the hellos of the trace. What it would build itself is another hello, not another way."""
    hellos = [hello(trace[name]) for name in ("client_hello", "second_client_hello") if name in trace.octets]
    given = iter(hellos)
    monkeypatch.setattr(session_module, "build_client_hello", lambda *_args, **_options: next(given))
    return Session(
        PROFILES["mailcensus-2026"],
        PublishedKeyPairs(trace.private_keys),
        server_name="server",
        limits=Limits(),
    )


def handshake(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> tuple[Session, bytes]:
    """A session after the server's Finished, and what it sent last."""
    client = client_of(trace, monkeypatch)
    assert client.start()[5:] == trace["client_hello"]
    if "hello_retry_request" in trace.octets:
        answer = client.receive(record(trace["hello_retry_request"]))
        assert answer == CHANGE_CIPHER_SPEC + record(trace["second_client_hello"])
    return client, client.receive(trace.server_bytes())


@pytest.fixture(params=TRACES)
def trace(request: pytest.FixtureRequest) -> Trace:
    return Trace.read(request.param)


def test_the_published_private_keys_give_the_published_shares(trace: Trace) -> None:
    hellos = trace["client_hello"] + trace.octets.get("second_client_hello", b"")
    for group in trace.private_keys:
        pair = PublishedKeyPairs(trace.private_keys).pair(group)
        assert pair is not None
        assert group.to_bytes(2, "big") + len(pair.public).to_bytes(2, "big") + pair.public in hellos


def test_the_flight_decrypts_and_its_finished_verifies(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = handshake(trace, monkeypatch)
    assert client.phase is Phase.OPEN


def test_the_messages_are_read_as_published(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = handshake(trace, monkeypatch)
    observer, shown = client.observer, client.record()
    certificate = x509.load_der_x509_certificate(trace["certificate"])
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert observer.chain == (trace["certificate"],)
    assert observer.signature == trace["signature"]
    assert observer.encrypted_extensions is not None
    rebuilt = b"".join(
        kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body
        for kind, body in observer.encrypted_extensions
    )
    assert rebuilt == trace["encrypted_extensions"][6:]
    assert (shown.version, shown.cipher_suite_name) == (TLS_1_3, "TLS_AES_128_GCM_SHA256")
    assert shown.spki_sha256 == hashlib.sha256(spki).hexdigest()
    assert shown.signature_verified is True
    assert shown.hello_retry is ("hello_retry_request" in trace.octets)
    assert shown.group == (23 if shown.hello_retry else 29)
    assert shown.client_cert_requested is ("certificate_request" in trace.octets)
    if observer.certificate_request is not None:
        assert observer.certificate_request == trace["certificate_request"][4:]


def test_the_signature_scheme_is_the_one_published() -> None:
    schemes = {}
    for name in TRACES:
        with pytest.MonkeyPatch.context() as patch:
            schemes[name] = handshake(Trace.read(name), patch)[0].record().signature_scheme_name
    assert schemes == {
        **dict.fromkeys(TRACES, "rsa_pss_rsae_sha256"),
        "client_authentication": "ecdsa_secp256r1_sha256",
    }


def test_fed_byte_by_byte_it_is_the_same(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, answer = handshake(trace, monkeypatch)
    client = client_of(trace, monkeypatch)
    client.start()
    if "hello_retry_request" in trace.octets:
        client.receive(record(trace["hello_retry_request"]))
    pieces = [client.receive(bytes((byte,))) for byte in trace.server_bytes()]
    assert b"".join(pieces) == answer
    assert client.record() == whole.record()


@pytest.mark.parametrize("name", ["simple", "hello_retry_request", "compatibility_mode"])
def test_our_finished_is_the_published_record(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace.read(name)
    _, answer = handshake(trace, monkeypatch)
    # Only the client of section 7 sends ChangeCipherSpec; ours does everywhere, once, before its second flight.
    expected = b"" if name == "hello_retry_request" else CHANGE_CIPHER_SPEC
    assert answer == expected + trace["client_finished_record"]


def test_a_certificate_request_is_answered_with_none_and_the_rest_stays_as_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace = Trace.read("client_authentication")
    _, answer = handshake(trace, monkeypatch)
    schedule = schedule_of(trace)
    assert SUITE is not None
    sealed = answer.removeprefix(CHANGE_CIPHER_SPEC)
    kind, flight = Protection13(SUITE, schedule.client_handshake()).open(sealed[:5], sealed[5:])
    (_, certificate), (_, finished) = MessageReader(1 << 16).feed(flight)
    assert (kind, certificate.hex()) == (ContentType.HANDSHAKE, "0b00000400000000")
    covered = hashlib.sha256(server_transcript(trace) + certificate).digest()
    assert finished[4:] == finished_data(schedule.client_handshake(), covered)


def test_the_published_client_with_a_certificate_is_read_too() -> None:
    trace = Trace.read("client_authentication")
    schedule = schedule_of(trace)
    assert SUITE is not None
    sealed = trace["client_flight_record"]
    kind, flight = Protection13(SUITE, schedule.client_handshake()).open(sealed[:5], sealed[5:])
    messages = list(MessageReader(1 << 16).feed(flight))
    assert (kind, [code for code, _ in messages]) == (ContentType.HANDSHAKE, [11, 15, 20])
    covered = hashlib.sha256(server_transcript(trace) + messages[0][1] + messages[1][1]).digest()
    assert messages[2][1][4:] == finished_data(schedule.client_handshake(), covered)


def test_application_data_goes_both_ways_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace.read("simple")
    client, _ = handshake(trace, monkeypatch)
    assert client.receive(trace["new_session_ticket_record"]) == b""
    assert client.record().session_ticket
    assert client.send(APPLICATION_DATA) == trace["client_application_record"]
    assert client.receive(trace["server_application_record"]) == b""
    assert client.plaintext() == APPLICATION_DATA
    assert client.close() == trace["client_close_record"]
    client.receive(trace["server_close_record"])
    assert client.phase is Phase.CLOSED


@pytest.mark.parametrize("name", TRACES[1:])
def test_the_goodbyes_are_the_published_records(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace.read(name)
    client, _ = handshake(trace, monkeypatch)
    assert client.close() == trace["client_close_record"]
    client.receive(trace["server_close_record"])
    assert client.phase is Phase.CLOSED


# the key schedule of section 3, value by value


def schedule_of(trace: Trace) -> Schedule13:
    pair = PublishedKeyPairs(trace.private_keys).pair(29)
    assert pair is not None
    hashed = hashlib.sha256(trace["client_hello"] + trace["server_hello"]).digest()
    return Schedule13.start("sha256", pair.agree(trace["server_hello"][-38:-6]), hashed)


def server_transcript(trace: Trace) -> bytes:
    """All messages up to the server's Finished."""
    assert SUITE is not None
    sealed = trace["server_flight_record"]
    _, flight = Protection13(SUITE, schedule_of(trace).server_handshake).open(sealed[:5], sealed[5:])
    assert flight.startswith(trace["encrypted_extensions"])
    assert flight.endswith(trace["server_finished"])
    return trace["client_hello"] + trace["server_hello"] + flight


def test_every_secret_of_the_handshake_is_the_published_one() -> None:
    trace = Trace.read("simple")
    schedule = schedule_of(trace)
    pair = PublishedKeyPairs(trace.private_keys).pair(29)
    assert pair is not None
    assert pair.agree(trace["server_hello"][-38:-6]) == trace["shared_secret"]
    assert schedule.server_hello_hash == trace["server_hello_hash"]
    assert schedule.handshake_secret.value == trace["handshake_secret"]
    assert schedule.client_handshake().value == trace["client_handshake_secret"]
    assert schedule.server_handshake.value == trace["server_handshake_secret"]


def test_every_secret_behind_the_handshake_is_the_published_one() -> None:
    trace = Trace.read("simple")
    schedule, transcript = schedule_of(trace), server_transcript(trace)
    hashed = hashlib.sha256(transcript).digest()
    assert hashed == trace["server_finished_hash"]
    assert [secret.value for secret in schedule.application(hashed)] == [
        trace["client_application_secret"],
        trace["server_application_secret"],
    ]
    before_finished = hashlib.sha256(transcript.removesuffix(trace["server_finished"])).digest()
    assert finished_data(schedule.server_handshake, before_finished) == trace["server_finished"][4:]
    assert finished_data(schedule.client_handshake(), hashed) == trace["client_verify_data"]


@pytest.mark.parametrize("epoch", ["handshake", "application"])
@pytest.mark.parametrize("side", ["client", "server"])
def test_keys_and_ivs_are_the_published_ones(side: str, epoch: str) -> None:
    trace = Trace.read("simple")
    secret = Secret("sha256", trace[f"{side}_{epoch}_secret"])
    assert secret.expand(b"key", b"", 16) == trace[f"{side}_{epoch}_key"]
    assert secret.expand(b"iv", b"", 12) == trace[f"{side}_{epoch}_iv"]
