"""TLS between two OpenSSLs in memory, as what each side says."""

from __future__ import annotations

import ssl

from packets import Talk
from tlspeer.openssl import OpensslPeer


def tls_talk(
    peer: OpensslPeer,
    *,
    name: str | None = "mx.example",
    maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    session: ssl.SSLSession | None = None,
    context: ssl.SSLContext | None = None,
    request: bytes = b"hello",
) -> tuple[Talk, ssl.SSLObject]:
    """A handshake, a request and its answer."""
    if context is None:
        context = client_context(maximum)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name, session=session)
    talk, asked = Talk(), False
    for _ in range(8):
        try:
            client.do_handshake()
            if not asked:
                client.write(request)
                asked = True
            client.read(4_096)
        except ssl.SSLWantReadError:
            pass
        said = outgoing.read()
        talk = talk.client(said)
        answer = peer.receive(said) if said else b""
        talk = talk.server(answer)
        incoming.write(answer)
        if not said and not answer:
            break
    return talk, client


def client_context(maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = maximum
    return context


SMTP_BEFORE = (
    Talk()
    .server(b"220 mx.example ESMTP Postfix\r\n")
    .client(b"EHLO client.example\r\n")
    .server(b"250-mx.example\r\n250-AUTH PLAIN LOGIN\r\n250-STARTTLS\r\n250 8BITMIME\r\n")
    .client(b"STARTTLS\r\n")
    .server(b"220 2.0.0 Ready to start TLS\r\n")
)
"""SMTP up to TLS."""
