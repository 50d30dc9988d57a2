"""SSL 2.0, observed: one CLIENT-HELLO, one SERVER-HELLO, and no further (RFC 6176 forbids it; servers remain).

The layout is that of the SSL 2.0 draft (Hickman, 1995), also in RFC 5246 appendix E.2 for the client's side. The
server shows its certificate and every cipher kind it shares with us, so one hello tells all there is to tell.
"""

from __future__ import annotations

import hashlib
import os

from mailcensus.model import Tls
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsAlert, TlsError
from mailcensus.wire.exchange import Limits
from mailcensus.wire.keys import spki_sha256
from mailcensus.wire.tls.codes import VERSIONS, alert_name
from mailcensus.wire.tls.phase import Phase
from mailcensus.wire.tls.reader import Reader

VERSION = 0x0002

CIPHER_KINDS: dict[int, str] = {
    0x010080: "SSL_CK_RC4_128_WITH_MD5",
    0x020080: "SSL_CK_RC4_128_EXPORT40_WITH_MD5",
    0x030080: "SSL_CK_RC2_128_CBC_WITH_MD5",
    0x040080: "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5",
    0x050080: "SSL_CK_IDEA_128_CBC_WITH_MD5",
    0x060040: "SSL_CK_DES_64_CBC_WITH_MD5",
    0x0700C0: "SSL_CK_DES_192_EDE3_CBC_WITH_MD5",
}
_CLIENT_HELLO, _SERVER_HELLO, _ERROR = 1, 4, 0
_ERRORS = {1: "no_cipher", 2: "no_certificate", 4: "bad_certificate", 6: "unsupported_certificate_type"}
_ALERT_RECORD = 0x15


class Sslv2Session:
    """A client that asks for SSL 2.0 and stops at the answer. Driven like `session.Session`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._certificate: bytes | None = None
        self._kinds: tuple[str, ...] | None = None
        self._alert: str | None = None
        self.phase = Phase.FLIGHT
        self.spoken = False

    @property
    def chain(self) -> tuple[bytes, ...] | None:
        """The one certificate of a SERVER-HELLO."""
        return None if self._certificate is None else (self._certificate,)

    def start(self) -> bytes:
        """A CLIENT-HELLO with every cipher kind."""
        specs = b"".join(kind.to_bytes(3, "big") for kind in CIPHER_KINDS)
        challenge = os.urandom(16)
        hello = b"\x01\x00\x02" + b"".join(len(part).to_bytes(2, "big") for part in (specs, b"", challenge))
        hello += specs + challenge
        return (0x8000 | len(hello)).to_bytes(2, "big") + hello

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the server; there is never anything to answer.

        Raises:
            TlsAlert: an alert of TLS, or an SSL 2.0 ERROR.
            TlsError: not SSL 2.0.
            LimitExceeded: a certificate over our cap.
            ProtocolError: a malformed SERVER-HELLO.
        """
        self._buffer += data
        buffer = self._buffer
        if len(buffer) < 4:  # the longer header, and what kind of message it is
            return b""
        if buffer[0] == _ALERT_RECORD and buffer[1] == 3:
            if len(buffer) >= 7:
                self.spoken = True
                self._alert = alert_name(buffer[6])
                raise TlsAlert(f"the server sent alert {self._alert}")
            return b""
        header, length = self._header()
        if len(buffer) >= header + length:
            self.spoken = True
            self._message(bytes(buffer[header : header + length]))
        return b""

    def plaintext(self) -> bytes:
        """No application data ever comes."""
        return b""

    def send(self, data: bytes) -> bytes:
        """SSL 2.0 is never finished, so nothing is ever sent in it."""
        raise RuntimeError("application data in an observed SSL 2.0 session")

    def close(self) -> bytes:
        """SSL 2.0 has no closing alert."""
        return b""

    def record(self) -> Tls:
        """What was observed."""
        leaf = self._certificate
        digest = None if leaf is None else hashlib.sha256(leaf).hexdigest()
        spki = None if leaf is None else certificate_spki(leaf)
        heard = self._kinds is not None
        return Tls(
            version=VERSION if heard else None,
            version_name=VERSIONS[VERSION] if heard else None,
            sslv2_ciphers=self._kinds,
            alert=self._alert,
            chain=None if digest is None else (digest,),
            leaf_sha256=digest,
            spki_sha256=None if spki is None else spki_sha256(spki),
            unfinished_reason="SSLv2 is observed only" if heard else None,
        )

    def _header(self) -> tuple[int, int]:
        """Lengths of the record header and of the record (two bytes, or three with padding)."""
        first, second = self._buffer[0], self._buffer[1]
        header, length = (
            (2, (first & 0x7F) << 8 | second) if first & 0x80 else (3, (first & 0x3F) << 8 | second)
        )
        if self._buffer[header] not in (_SERVER_HELLO, _ERROR) or length < 3:
            raise TlsError(f"not SSL 2.0: {bytes(self._buffer[:24])!r}")
        if length > self._limits.handshake:
            raise LimitExceeded("the server sent more handshake bytes than our cap")
        return header, length

    def _message(self, message: bytes) -> None:
        reader = Reader(message)
        if reader.uint8() == _ERROR:
            code = reader.uint16()
            self._alert = _ERRORS.get(code, str(code))
            raise TlsAlert(f"the server sent SSL 2.0 error {self._alert}")
        reader.take(2)  # session id hit, certificate type
        version = reader.uint16()
        sizes = [reader.uint16() for _ in range(3)]
        certificate, specs = reader.take(sizes[0]), reader.take(sizes[1])
        if version != VERSION or len(specs) % 3:
            raise ProtocolError("malformed SSL 2.0 SERVER-HELLO")
        if len(certificate) > self._limits.certificate:
            raise LimitExceeded(f"a certificate of {len(certificate)} bytes")
        kinds = (int.from_bytes(specs[i : i + 3], "big") for i in range(0, len(specs), 3))
        self._kinds = tuple(CIPHER_KINDS.get(kind, f"0x{kind:06X}") for kind in kinds)
        self._certificate = certificate or None
        self.phase = Phase.OBSERVED
