"""The messages of a TLS server, decoded as the RFCs write them and not judged.

Every function takes the body of one message, without its 4-byte header.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.wire.errors import LimitExceeded, ProtocolError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.tls.codes import TLS_1_2, TLS_1_3, ExtensionType
from mailcensus.wire.tls.reader import Reader

_SUPPORTED_VERSIONS = int(ExtensionType.SUPPORTED_VERSIONS)  # an enum member costs a look-up each time

HELLO_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random that turns a ServerHello into a HelloRetryRequest: SHA-256("HelloRetryRequest"), RFC 8446 4.1.3."""

Extensions = tuple[tuple[int, bytes], ...]
"""Type and body of each extension, in the order sent."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """ServerHello or HelloRetryRequest, RFC 8446 section 4.1.3."""

    legacy_version: int
    version: int
    """Negotiated version: supported_versions where present, else legacy_version."""
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression: int
    extensions: Extensions
    is_retry: bool

    def extension(self, kind: int) -> bytes | None:
        """Body of the first extension of a type."""
        return next((body for code, body in self.extensions if code == kind), None)


def pull_extensions(block: bytes) -> Extensions:
    """Extension list, RFC 8446 section 4.2. The block comes without its own length."""
    reader = Reader(block)
    extensions = []
    while reader:
        kind = reader.uint16()
        extensions.append((kind, reader.block16()))
    return tuple(extensions)


def pull_server_hello(body: bytes) -> ServerHello:
    """ServerHello of SSL 3.0 to TLS 1.3; extensions may be missing before TLS 1.3."""
    reader = Reader(body)
    legacy_version = reader.uint16()
    random = reader.take(32)
    session_id = reader.block8()
    cipher_suite = reader.uint16()
    compression = reader.uint8()
    extensions = pull_extensions(reader.block16()) if reader else ()
    reader.end("ServerHello")
    version = legacy_version
    for kind, value in extensions:
        if kind == _SUPPORTED_VERSIONS and len(value) == 2:
            version = int.from_bytes(value, "big")
    is_retry = random == HELLO_RETRY_RANDOM and version >= TLS_1_3
    return ServerHello(
        legacy_version, version, random, session_id, cipher_suite, compression, extensions, is_retry
    )


@dataclass(frozen=True, slots=True)
class CertificateList:
    """A server's Certificate message."""

    chain: tuple[bytes, ...]
    """DER, exactly as sent."""
    leaf_extensions: Extensions = ()
    """TLS 1.3: extensions of the first entry (OCSP, SCT)."""


def pull_certificate(body: bytes, limits: Limits) -> CertificateList:
    """Certificate of SSL 3.0 to TLS 1.2, RFC 5246 section 7.4.2.

    Raises:
        LimitExceeded: too many certificates or one too long.
    """
    reader = Reader(body)
    entries = Reader(reader.block24())
    reader.end("Certificate")
    chain: list[bytes] = []
    while entries:
        chain.append(_capped(entries.block24(), len(chain), limits))
    return CertificateList(tuple(chain))


def pull_certificate_13(body: bytes, limits: Limits) -> CertificateList:
    """Certificate of TLS 1.3, RFC 8446 section 4.4.2.

    Raises:
        LimitExceeded: too many certificates or one too long.
    """
    reader = Reader(body)
    reader.block8()
    entries = Reader(reader.block24())
    reader.end("Certificate")
    chain: list[bytes] = []
    leaf_extensions: Extensions = ()
    while entries:
        der = _capped(entries.block24(), len(chain), limits)
        extensions = pull_extensions(entries.block16())
        if not chain:
            leaf_extensions = extensions
        chain.append(der)
    return CertificateList(tuple(chain), leaf_extensions)


def _capped(der: bytes, index: int, limits: Limits) -> bytes:
    if index >= limits.chain_certificates:
        raise LimitExceeded(f"the server sent more than {limits.chain_certificates} certificates")
    if len(der) > limits.certificate:
        raise LimitExceeded(f"a certificate of {len(der)} bytes")
    return der


@dataclass(frozen=True, slots=True)
class ServerKeyExchange:
    """Ephemeral parameters of TLS 1.2 and before, RFC 5246 section 7.4.3 and RFC 8422 section 5.4."""

    signed_params: bytes
    """The bytes that the signature covers, after the two randoms."""
    public: bytes
    """Server's ephemeral public value."""
    group: int | None = None
    """Named curve of ECDHE; None for DHE and for explicit curves."""
    prime: bytes | None = None
    generator: bytes | None = None
    signature_scheme: int | None = None
    """None before TLS 1.2, where the message does not say."""
    signature: bytes = b""


def pull_server_key_exchange_dhe(body: bytes, version: int) -> ServerKeyExchange:
    """ServerDHParams and signature."""
    reader = Reader(body)
    prime, generator, public = reader.block16(), reader.block16(), reader.block16()
    params = body[: 6 + len(prime) + len(generator) + len(public)]
    scheme = reader.uint16() if version >= TLS_1_2 else None
    return ServerKeyExchange(params, public, None, prime.lstrip(b"\0"), generator, scheme, reader.block16())


def pull_server_key_exchange_ecdhe(body: bytes, version: int) -> ServerKeyExchange:
    """ServerECDHParams and signature; only named curves can be told.

    Raises:
        ProtocolError: an explicit curve, which RFC 8422 forbids.
    """
    reader = Reader(body)
    curve_type = reader.uint8()
    if curve_type != 3:
        raise ProtocolError(f"ServerKeyExchange with curve type {curve_type}, not a named curve")
    group = reader.uint16()
    public = reader.block8()
    params = body[: 4 + len(public)]
    scheme = reader.uint16() if version >= TLS_1_2 else None
    return ServerKeyExchange(params, public, group, None, None, scheme, reader.block16())


def pull_certificate_status(body: bytes) -> bytes:
    """The OCSP response (DER) of a CertificateStatus, RFC 6066 section 8."""
    reader = Reader(body)
    kind = reader.uint8()
    if kind != 1:
        raise ProtocolError(f"CertificateStatus of type {kind}")
    return reader.block24()


def pull_key_share(body: bytes) -> tuple[int, bytes]:
    """Group and public value of a server's KeyShareEntry, RFC 8446 section 4.2.8."""
    reader = Reader(body)
    group = reader.uint16()
    share = reader.block16()
    reader.end("key_share")
    return group, share


def pull_alpn(body: bytes) -> str:
    """The one protocol a server chose, RFC 7301 section 3.1."""
    return Reader(Reader(body).block16()).block8().decode("utf-8", "backslashreplace")


def count_scts(body: bytes) -> int:
    """Number of SCTs in a SignedCertificateTimestampList, RFC 6962 section 3.3."""
    reader = Reader(Reader(body).block16())
    count = 0
    while reader:
        reader.block16()
        count += 1
    return count
