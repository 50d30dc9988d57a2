"""An OpenSSL server in memory, driven by bytes."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.hello import PROFILES, HelloProfile
from mailcensus.wire.tls.session import Session
from mailcensus.wire.tls.shares import KeyPairs


@cache
def identity(kind: str) -> tuple[bytes, bytes]:
    """A self-signed certificate (PEM with its key) and its DER; kind is ec, or begins with rsa."""
    key = (
        rsa.generate_private_key(65537, 2048)
        if kind.startswith("rsa")
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{kind}.test.invalid")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    return pem, certificate.public_bytes(serialization.Encoding.DER)


@cache
def takes_curve(name: str) -> bool:
    """Whether `ssl` can be told this curve: Python 3.11.2, Debian 12's, takes none of RFC 7748.

    The OpenSSL that came with it prefers X25519 without being told.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(name)
    except ssl.SSLError:
        return False
    return True


class OpensslPeer:
    """The server's end of one connection: it answers what it reads, by default with the same in capitals."""

    def __init__(
        self,
        *,
        kind: str = "rsa",
        maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
        ciphers: str | None = None,
        curve: str | None = None,
        alpn: list[str] | None = None,
        ask_client: bool = False,
        dh_params: str | None = None,
        respond: Callable[[bytes], bytes] = bytes.upper,
        opening: bytes = b"",
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as directory:
            pem = Path(directory, "identity.pem")
            pem.write_bytes(identity(kind)[0])
            context.load_cert_chain(pem)
            if dh_params is not None:
                parameters = Path(directory, "dh.pem")
                parameters.write_text(dh_params)
                context.load_dh_params(str(parameters))
        context.minimum_version = min(minimum, maximum)
        context.maximum_version = maximum
        if ciphers is not None:
            context.set_ciphers(ciphers)
        if curve is not None and (takes_curve(curve) or curve != "X25519"):
            context.set_ecdh_curve(curve)
        if alpn is not None:
            context.set_alpn_protocols(alpn)
        if ask_client:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=identity(kind)[1])
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.respond = respond
        self.opening = opening
        self.established = False
        self.closed = False

    def receive(self, data: bytes) -> bytes:
        """Feed the client's bytes; give the server's answer."""
        self.incoming.write(data)
        try:
            if not self.established:
                self.tls.do_handshake()
                self.established = True
                if self.opening:
                    self.tls.write(self.opening)
            while text := self.tls.read(4096):
                self.tls.write(self.respond(text))
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return self.outgoing.read()


def session(
    profile: HelloProfile | None = None,
    *,
    finish: bool = True,
    limits: Limits | None = None,
    **options: object,
) -> Session:
    """A session with the default profile."""
    server_name = options.get("server_name")
    alpn = options.get("alpn", ())
    assert server_name is None or isinstance(server_name, str)
    assert isinstance(alpn, tuple)
    return Session(
        profile or PROFILES["mailcensus-2026"],
        KeyPairs(),
        server_name=server_name,
        alpn=alpn,
        limits=limits or Limits(),
        finish=finish,
    )


def shake(client: Session, peer: OpensslPeer) -> list[bytes]:
    """Carry bytes to and fro until nobody has anything to say; the server's messages, for replays."""
    answers = []
    data = client.start()
    while data:
        answer = peer.receive(data)
        answers.append(answer)
        data = client.receive(answer) if answer else b""
    return answers
