"""Record protection: one direction of one connection, with AEAD suites.

TLS 1.3: RFC 8446 section 5.2. TLS 1.2: RFC 5288 (GCM), RFC 6655 (CCM), RFC 7905 (ChaCha20-Poly1305).
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.schedule import Secret
from mailcensus.wire.tls.suites import Suite

AEAD_CIPHERS = frozenset({"AES_GCM", "AES_CCM", "AES_CCM_8", "CHACHA20_POLY1305"})


class Protection(Protocol):
    """Seals or opens the records of one direction; counts them itself."""

    def seal(self, content_type: int, plaintext: bytes) -> bytes:
        """A whole record, header included."""

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Content type and plaintext of a record.

        Raises:
            TlsError: it does not decrypt.
        """


def aead_for(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    """The AEAD of a suite."""
    if suite.cipher == "AES_GCM":
        return AESGCM(key)
    if suite.cipher == "CHACHA20_POLY1305":
        return ChaCha20Poly1305(key)
    return AESCCM(key, tag_length=8 if suite.cipher == "AES_CCM_8" else 16)


class Protection13:
    """TLS 1.3 record protection from a traffic secret."""

    __slots__ = ("_aead", "_iv", "_secret", "_sequence", "_suite")

    def __init__(self, suite: Suite, secret: Secret) -> None:
        self._suite = suite
        self._rekey(secret)

    def _rekey(self, secret: Secret) -> None:
        self._secret = secret
        self._aead = aead_for(self._suite, secret.expand(b"key", b"", self._suite.key_bytes))
        self._iv = int.from_bytes(secret.expand(b"iv", b"", 12), "big")
        self._sequence = 0

    def update(self) -> None:
        """Move on to the next traffic secret after a KeyUpdate, RFC 8446 section 7.2."""
        self._rekey(self._secret.derive(b"traffic upd", b""))

    def seal(self, content_type: int, plaintext: bytes) -> bytes:
        inner = plaintext + bytes((content_type,))
        size = len(inner) + (8 if self._suite.cipher == "AES_CCM_8" else 16)
        header = b"\x17\x03\x03" + size.to_bytes(2, "big")
        return header + self._aead.encrypt(self._nonce(), inner, header)

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        try:
            inner = self._aead.decrypt(self._nonce(), fragment, header)
        except (InvalidTag, ValueError):
            raise TlsError("a record does not decrypt") from None
        if inner and inner[-1]:
            return inner[-1], inner[:-1]
        inner = inner.rstrip(b"\0")
        if not inner:
            raise TlsError("a record of nothing but padding")
        return inner[-1], inner[:-1]

    def _nonce(self) -> bytes:
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        return nonce


class Protection12:
    """TLS 1.2 AEAD record protection. GCM and CCM carry half of their nonce; ChaCha20 has none of it on the wire."""

    __slots__ = ("_aead", "_explicit", "_iv", "_sequence", "_tag_bytes")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = aead_for(suite, key)
        self._iv = iv
        self._explicit = 0 if suite.cipher == "CHACHA20_POLY1305" else 8
        self._tag_bytes = 8 if suite.cipher == "AES_CCM_8" else 16
        self._sequence = 0

    def seal(self, content_type: int, plaintext: bytes) -> bytes:
        sequence = self._next_sequence()
        explicit = sequence if self._explicit else b""
        data = b"%b%c\x03\x03%b" % (sequence, content_type, len(plaintext).to_bytes(2, "big"))
        sealed = explicit + self._aead.encrypt(self._nonce(sequence, explicit), plaintext, data)
        return b"%c\x03\x03%b" % (content_type, len(sealed).to_bytes(2, "big")) + sealed

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        sequence = self._next_sequence()
        explicit, sealed = fragment[: self._explicit], fragment[self._explicit :]
        length = len(sealed) - self._tag_bytes
        if len(explicit) != self._explicit or length < 0:
            raise TlsError("a protected record is too short")
        data = sequence + header[:3] + length.to_bytes(2, "big")
        try:
            return header[0], self._aead.decrypt(self._nonce(sequence, explicit), sealed, data)
        except (InvalidTag, ValueError):
            raise TlsError("a record does not decrypt") from None

    def _next_sequence(self) -> bytes:
        sequence = self._sequence.to_bytes(8, "big")
        self._sequence += 1
        return sequence

    def _nonce(self, sequence: bytes, explicit: bytes) -> bytes:
        if self._explicit:
            return self._iv + explicit
        return (int.from_bytes(self._iv, "big") ^ int.from_bytes(sequence, "big")).to_bytes(12, "big")
