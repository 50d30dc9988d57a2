"""SSL 2.0 from a capture that others made, since no server here speaks it; SSL 3.0 from tlslite-ng."""

from __future__ import annotations

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSAbruptCloseError

from captured import server_bytes
from mailcensus.wire.errors import TlsAlert, TlsError, WireError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.hello import LEGACY_SSL_3
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.sslv2 import Sslv2Session
from tlspeer.openssl import identity, session


def serve_ssl_3(end: socket.socket) -> None:
    """The first flight of an SSL 3.0 server; it never hears the second."""
    pem = identity("rsa")[0].decode()
    chain = X509CertChain()
    chain.parsePemList(pem[pem.index("-----BEGIN CERTIFICATE") :])
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 0)
    with contextlib.suppress(OSError, TLSAbruptCloseError):
        TLSConnection(end).handshakeServer(
            certChain=chain, privateKey=parsePEMKey(pem, private=True), settings=settings
        )


def test_an_ssl_3_server_is_observed_and_not_finished() -> None:
    ours, theirs = socket.socketpair()
    client = session(LEGACY_SSL_3)
    with ThreadPoolExecutor(1) as pool, theirs, ours:
        ours.settimeout(20)
        theirs.settimeout(20)
        pool.submit(serve_ssl_3, theirs)
        ours.sendall(client.start())
        while client.phase is Phase.FLIGHT:
            client.receive(ours.recv(65_536))
        ours.shutdown(socket.SHUT_RDWR)
    record = client.record()
    assert (record.version_name, client.phase) == ("SSLv3", Phase.OBSERVED)
    assert record.unfinished_reason == "SSLv3 is observed only"
    assert client.chain == (identity("rsa")[1],)


@pytest.mark.shared_data
def test_an_ssl_2_server_hello_recorded_by_others_is_read(shared_data: Path) -> None:
    flights = server_bytes(shared_data / "zeek/Traces/tls/ssl-v2.pcap", 443)
    said = next(iter(flights.values()))
    for step in (1, 100_000):
        client = Sslv2Session(Limits())
        for at in range(0, len(said), step):
            if client.phase is Phase.FLIGHT:
                client.receive(said[at : at + step])
        record = client.record()
        assert (record.version_name, client.phase) == ("SSLv2", Phase.OBSERVED)
        assert record.sslv2_ciphers
        assert record.chain


def server_hello(certificate: bytes, kinds: bytes) -> bytes:
    """A SERVER-HELLO in a two-byte record."""
    sizes = b"".join(len(part).to_bytes(2, "big") for part in (certificate, kinds, b"0123456789abcdef"))
    body = b"\x04\x00\x01\x00\x02" + sizes + certificate + kinds + b"0123456789abcdef"
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def test_an_ssl_2_server_shows_its_certificate_and_all_its_ciphers() -> None:
    der = identity("rsa")[1]
    client = Sslv2Session(Limits())
    client.receive(server_hello(der, bytes.fromhex("010080 020080 0A0B0C")))
    record = client.record()
    assert client.chain == (der,)
    assert record.sslv2_ciphers == ("SSL_CK_RC4_128_WITH_MD5", "SSL_CK_RC4_128_EXPORT40_WITH_MD5", "0x0A0B0C")


def test_a_tls_server_answers_ssl_2_with_an_alert_or_nonsense() -> None:
    client = Sslv2Session(Limits())
    with pytest.raises(TlsAlert, match="protocol_version"):
        client.receive(bytes.fromhex("15030100020246"))
    assert client.record().alert == "protocol_version"
    with pytest.raises(TlsError, match=r"not SSL 2\.0"):
        Sslv2Session(Limits()).receive(b"220 mx ESMTP\r\n")


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_to_an_ssl_2_client_give_a_record_or_a_wire_error(noise: bytes) -> None:
    for data in (noise, server_hello(noise[:100], noise[100:])):
        client = Sslv2Session(Limits())
        try:
            client.receive(data)
        except WireError:
            pass
        client.record()
