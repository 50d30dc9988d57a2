"""Post-quantum hybrids against tlslite-ng, over a pair of sockets that leads nowhere else."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

from mailcensus.wire.tls.hello import PROFILES
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.session import Session
from tlspeer.openssl import identity, session

HYBRIDS = {
    "secp256r1mlkem768": "SecP256r1MLKEM768",
    "x25519mlkem768": "X25519MLKEM768",
    "secp384r1mlkem1024": "SecP384r1MLKEM1024",
}


def serve(end: socket.socket, groups: list[str]) -> bytes:
    """One TLS 1.3 handshake and one line; what the client said."""
    pem = identity("rsa")[0].decode()
    chain = X509CertChain()
    chain.parsePemList(pem[pem.index("-----BEGIN CERTIFICATE") :])
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 4)
    settings.eccCurves = groups
    settings.keyShares = groups[:1]
    connection = TLSConnection(end)
    connection.handshakeServer(certChain=chain, privateKey=parsePEMKey(pem, private=True), settings=settings)
    return bytes(connection.read(max=100, min=1))


def shake(client: Session, end: socket.socket) -> None:
    data = client.start()
    while client.phase is Phase.FLIGHT:
        if data:
            end.sendall(data)
        data = client.receive(end.recv(65_536))
    end.sendall(data + client.send(b"hello"))


@pytest.mark.parametrize("group", sorted(HYBRIDS))
@pytest.mark.parametrize("profile", ["mailcensus-2026", "mailcensus-2026-pq"])
def test_a_post_quantum_server_is_measured_and_finished(group: str, profile: str) -> None:
    ours, theirs = socket.socketpair()
    client = session(PROFILES[profile])
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        ours.settimeout(20)
        theirs.settimeout(20)
        said = pool.submit(serve, theirs, [group])
        shake(client, ours)
        assert said.result(20) == b"hello"
    record = client.record()
    assert record.group_name == HYBRIDS[group]
    assert record.finished
    assert record.hello_retry is not (profile == "mailcensus-2026-pq" and group == "x25519mlkem768")
