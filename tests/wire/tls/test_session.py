"""Sessions against OpenSSL in memory: versions, suites, groups, finished handshakes and what is asked behind them."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.wire.dh_primes import ffdhe_prime
from mailcensus.wire.errors import LimitExceeded, TlsAlert, TlsError, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls import messages
from mailcensus.wire.tls.codes import ContentType
from mailcensus.wire.tls.hello import PROFILES
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.session import Session
from tlspeer.groups import dh_pem
from tlspeer.openssl import OpensslPeer, identity, session, shake, takes_curve

V = ssl.TLSVersion
DH = dh_pem(ffdhe_prime(2048))

CASES: list[tuple[dict[str, Any], str, str, str | None, str | None]] = [
    # what the server is, then: version, suite, group, scheme of its signature
    ({"curve": "X25519"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "rsa_pss_rsae_sha256"),
    ({"kind": "ec", "curve": "X25519"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "ecdsa_secp256r1_sha256"),
    ({"curve": "prime256v1"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "secp256r1", "rsa_pss_rsae_sha256"),
    ({"curve": "secp384r1"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "secp384r1", "rsa_pss_rsae_sha256"),
    ({"curve": "secp521r1"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "secp521r1", "rsa_pss_rsae_sha256"),
    *(
        [({"curve": "X448"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x448", "rsa_pss_rsae_sha256")]
        if takes_curve("X448")
        else []
    ),
    ({"ask_client": True, "curve": "X25519"}, "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "rsa_pss_rsae_sha256"),
    ({"ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}, "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
     "x25519", "rsa_pss_rsae_sha256"),
    ({"ciphers": "ECDHE-RSA-AES256-GCM-SHA384", "curve": "prime256v1"}, "TLSv1.2",
     "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "secp256r1", "rsa_pss_rsae_sha256"),
    ({"ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305", "kind": "ec"}, "TLSv1.2",
     "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "x25519", "ecdsa_secp256r1_sha256"),
    ({"ciphers": "ECDHE-ECDSA-AES128-CCM", "kind": "ec"}, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
     "x25519", "ecdsa_secp256r1_sha256"),
    ({"ciphers": "DHE-RSA-AES256-GCM-SHA384", "dh_params": DH}, "TLSv1.2",
     "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", None, "rsa_pss_rsae_sha256"),
    ({"ciphers": "AES128-GCM-SHA256"}, "TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256", None, None),
    ({"ciphers": "AES256-CCM"}, "TLSv1.2", "TLS_RSA_WITH_AES_256_CCM", None, None),
    ({"ciphers": "AES128-SHA"}, "TLSv1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", None, None),
    ({"ciphers": "ECDHE-RSA-AES256-SHA384"}, "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
     "x25519", "rsa_pss_rsae_sha256"),
    ({"ciphers": "CAMELLIA128-SHA256"}, "TLSv1.2", "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", None, None),
    ({"ciphers": "AES128-GCM-SHA256", "ask_client": True}, "TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256", None, None),
    ({"maximum": V.TLSv1_1, "ciphers": "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"}, "TLSv1.1",
     "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "x25519", None),
    ({"maximum": V.TLSv1_1, "ciphers": "AES256-SHA:@SECLEVEL=0"}, "TLSv1.1",
     "TLS_RSA_WITH_AES_256_CBC_SHA", None, None),
    ({"maximum": V.TLSv1, "ciphers": "DHE-RSA-AES128-SHA:@SECLEVEL=0", "dh_params": DH}, "TLSv1.0",
     "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", None, None),
    ({"maximum": V.TLSv1, "ciphers": "CAMELLIA256-SHA:@SECLEVEL=0"}, "TLSv1.0",
     "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", None, None),
]  # fmt: skip


def peer_for(options: dict[str, Any], version: str) -> OpensslPeer:
    return OpensslPeer(**({"maximum": V.TLSv1_2} if version == "TLSv1.2" else {}) | options)


def outcome(client: Session) -> tuple[Phase, bytes]:
    """All that a finished session says of itself, without what is random."""
    return client.phase, repr(client.record()).encode()


@pytest.mark.parametrize(("options", "version", "suite", "group", "scheme"), CASES)
def test_every_kind_of_handshake_is_observed_and_finished(
    options: dict[str, Any], version: str, suite: str, group: str | None, scheme: str | None
) -> None:
    client, server = session(), peer_for(options, version)
    shake(client, server)
    record = client.record()
    assert (record.version_name, record.cipher_suite_name) == (version, suite)
    assert (record.group_name, record.signature_scheme_name) == (group, scheme)
    assert (client.phase, record.finished, record.unfinished_reason) == (Phase.OPEN, True, None)
    signs = suite.startswith(("TLS_ECDHE", "TLS_DHE", "TLS_AES"))
    assert record.signature_verified is (True if signs and version in ("TLSv1.2", "TLSv1.3") else None)
    assert record.client_cert_requested is bool(options.get("ask_client"))
    der = identity(options.get("kind", "rsa"))[1]
    assert client.observer.chain == (der,)
    assert record.chain == (hashlib.sha256(der).hexdigest(),)
    assert record.record_bytes is not None
    assert 40 < record.record_bytes < 2**14
    client.receive(server.receive(client.send(b"ehlo us")))
    assert client.plaintext() == b"EHLO US"
    server.receive(client.close())
    assert server.closed


@pytest.mark.parametrize(("options", "version", "suite", "group", "scheme"), CASES)
def test_a_flight_fed_byte_by_byte_gives_the_same_record(
    options: dict[str, Any], version: str, suite: str, group: str | None, scheme: str | None
) -> None:
    client, server = session(), peer_for(options, version)
    data = client.start()
    while data:
        answer = server.receive(data)
        data = b"".join(client.receive(answer[i : i + 1]) for i in range(len(answer)))
    assert client.phase is Phase.OPEN
    assert client.record().cipher_suite_name == suite


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_first_flight_can_be_all_that_is_asked_for(version: str) -> None:
    client, server = session(finish=False), peer_for({}, version)
    shake(client, server)
    record = client.record()
    assert (client.phase, record.finished, record.unfinished_reason) == (
        Phase.OBSERVED,
        False,
        "not asked for",
    )
    assert record.chain
    assert record.version_name == version


@pytest.mark.parametrize("options", [{}, {"curve": "secp521r1"}], ids=["at once", "after a retry"])
def test_leaving_behind_a_first_flight_of_tls_1_3_is_said_under_its_keys(options: dict[str, Any]) -> None:
    client, server = session(finish=False), peer_for(options, "TLSv1.3")
    shake(client, server)
    *change, alert = records(client.close())
    assert change == ([] if options else [b"\x14\x03\x03\x00\x01\x01"])
    assert (alert[0], len(alert)) == (ContentType.APPLICATION_DATA, 5 + 2 + 1 + 16)
    server.incoming.write(b"".join([*change, alert]))
    with pytest.raises(ssl.SSLZeroReturnError):  # what OpenSSL calls the peer's close_notify
        server.tls.do_handshake()


def records(data: bytes) -> list[bytes]:
    """A stream of records, cut."""
    cut = []
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        cut.append(data[:size])
        data = data[size:]
    return cut


def test_the_dh_prime_is_measured_and_named_by_its_hash() -> None:
    client = session()
    shake(client, OpensslPeer(maximum=V.TLSv1_2, ciphers="DHE-RSA-AES128-GCM-SHA256", dh_params=DH))
    record = client.record()
    assert (record.dh_bits, record.dh_prime_name) == (2048, "ffdhe2048")
    assert record.dh_prime_sha256 == hashlib.sha256(ffdhe_prime(2048).to_bytes(256, "big")).hexdigest()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_server_that_quotes_a_certificate_without_its_key_is_found_out(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server = session(), peer_for({}, version)
    quoted = identity("rsa-other")[1]
    pull = "pull_certificate_13" if version == "TLSv1.3" else "pull_certificate"
    monkeypatch.setattr(messages, pull, lambda _body, _limits: messages.CertificateList((quoted,)))
    shake(client, server)
    assert client.record().signature_verified is False


def test_a_hello_retry_request_is_answered_and_told() -> None:
    client = session()
    shake(client, OpensslPeer(curve="secp384r1"))
    assert client.record().hello_retry is True
    assert client.phase is Phase.OPEN


def test_openssl_3_5_prefers_a_post_quantum_group_and_says_so() -> None:
    client = session()
    shake(client, OpensslPeer())
    record = client.record()
    post_quantum = ssl.OPENSSL_VERSION_INFO >= (3, 5)
    assert record.group_name == ("X25519MLKEM768" if post_quantum else "x25519")
    assert record.hello_retry is post_quantum
    assert client.phase is Phase.OPEN


def test_alpn_is_offered_and_the_choice_recorded() -> None:
    for maximum in (V.TLSv1_2, V.TLSv1_3):
        client = session(alpn=("http/1.1",))
        shake(client, OpensslPeer(alpn=["http/1.1"], maximum=maximum))
        assert client.record().alpn == "http/1.1"


def test_the_server_name_is_sent() -> None:
    names = []
    server = OpensslPeer(curve="X25519")
    server.tls.context.sni_callback = lambda _socket, name, _context: names.append(name)
    shake(session(server_name="mx.example"), server)
    assert names == ["mx.example"]


def test_a_profile_that_stops_at_tls_1_2_gets_tls_1_2() -> None:
    client = session(PROFILES["mailcensus-2026-tls12"])
    shake(client, OpensslPeer())
    assert client.record().version_name == "TLSv1.2"


def test_an_alert_ends_it_with_its_name() -> None:
    client = session(PROFILES["mailcensus-2026-tls12"])
    server = OpensslPeer(minimum=V.TLSv1_3)
    with pytest.raises(ssl.SSLError):
        server.receive(client.start())
    with pytest.raises(TlsAlert, match="protocol_version"):
        client.receive(server.outgoing.read())
    assert client.record().alert == "protocol_version"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"220 not tls\r\n", bytes(64)])
def test_what_is_not_tls_is_said_to_be_so(answer: bytes) -> None:
    client = session()
    client.start()
    with pytest.raises(TlsError, match="not a TLS record"):
        client.receive(answer)
    assert not client.spoken


def test_a_certificate_message_of_16_megabytes_is_refused_at_its_header() -> None:
    client = session()
    client.start()
    flight = bytes.fromhex("0200002603030000") + bytes(30) + bytes.fromhex("00c02f00")
    claim = b"\x0b\xff\xff\xff"
    client.receive(b"\x16\x03\x03" + len(flight).to_bytes(2, "big") + flight)
    with pytest.raises(LimitExceeded):
        client.receive(b"\x16\x03\x03" + len(claim).to_bytes(2, "big") + claim)


def test_too_many_handshake_bytes_end_it_however_they_are_wrapped() -> None:
    client = session(limits=Limits(handshake=10_000))
    client.start()
    for _ in range(10_000 // 6):
        client.receive(b"\x16\x03\x03\x00\x01\x00")
    with pytest.raises(LimitExceeded):
        client.receive(b"\x16\x03\x03\x00\x01\x00")


def recorded(version: str) -> bytes:
    """A server's first flight to a hello nobody holds the keys of."""
    client, server = session(), peer_for({}, version)
    return server.receive(client.start())


FLIGHTS = {version: recorded(version) for version in ("TLSv1.2", "TLSv1.3")}


@given(st.sampled_from(sorted(FLIGHTS)), st.data())
@settings(max_examples=200, deadline=None)
def test_a_spoilt_flight_gives_a_record_or_a_wire_error(version: str, data: st.DataObject) -> None:
    flight = bytearray(FLIGHTS[version])
    for _ in range(data.draw(st.integers(1, 4))):
        flight[data.draw(st.integers(0, len(flight) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(flight)))
    client = session()
    client.start()
    try:
        client.receive(bytes(flight[:cut]))
        client.receive(bytes(flight[cut:]))
    except WireError:
        pass
    client.record()


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_record_or_a_wire_error(noise: bytes) -> None:
    client = session()
    client.start()
    try:
        client.receive(b"\x16\x03\x03" + len(noise).to_bytes(2, "big") + noise)
    except WireError:
        pass
    client.record()


def test_a_flight_cut_at_every_byte_is_the_same_as_whole() -> None:
    flight = FLIGHTS["TLSv1.2"]
    whole = session(finish=False)
    whole.start()
    whole.receive(flight)
    for cut in range(1, len(flight)):
        client = session(finish=False)
        client.start()
        client.receive(flight[:cut])
        client.receive(flight[cut:])
        assert outcome(client) == outcome(whole)
