"""Record protection with CBC suites, TLS 1.0 to 1.2.

MAC-then-encrypt as RFC 5246 section 6.2.3.2 (explicit IV) and RFC 2246 section 6.2.3.2 (the last block of one
record is the IV of the next); encrypt-then-MAC as RFC 7366. Padding and MAC are checked, but not in constant
time: an observer has no secret to lose.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers import algorithms as old
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.codes import TLS_1_1
from mailcensus.wire.tls.suites import Suite

_MAC_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}
_CIPHERS: dict[str, type[BlockCipherAlgorithm]] = {
    "AES_CBC": algorithms.AES,
    "CAMELLIA_CBC": old.Camellia,
    "SEED_CBC": old.SEED,
    "3DES_EDE_CBC": old.TripleDES,
}
CBC_CIPHERS = frozenset(_CIPHERS)


def mac_bytes(suite: Suite) -> int:
    """Length of the MAC and of its key."""
    return _MAC_BYTES[suite.mac or "sha1"]


def block_bytes(suite: Suite) -> int:
    """Block length of the cipher."""
    return 8 if suite.cipher == "3DES_EDE_CBC" else 16


class CbcProtection:
    """One direction of one connection."""

    __slots__ = (
        "_block",
        "_cipher",
        "_encrypt_then_mac",
        "_hash",
        "_iv",
        "_mac_key",
        "_sequence",
        "_size",
        "_version",
    )

    def __init__(
        self, suite: Suite, version: int, mac_key: bytes, key: bytes, iv: bytes, *, encrypt_then_mac: bool
    ) -> None:
        """Raises TlsError where this machine's library has no such cipher."""
        try:
            self._cipher = _CIPHERS[suite.cipher](key)  # type: ignore[call-arg]
        except (UnsupportedAlgorithm, ValueError) as error:
            raise TlsError(f"{suite.name} cannot be finished here: {error}") from None
        self._version = version
        self._mac_key = mac_key
        self._hash = suite.mac or "sha1"
        self._size = mac_bytes(suite)
        self._block = block_bytes(suite)
        self._iv = iv
        self._encrypt_then_mac = encrypt_then_mac
        self._sequence = 0

    def seal(self, content_type: int, plaintext: bytes) -> bytes:
        """A whole record, header included."""
        head = content_type.to_bytes(1, "big") + self._version.to_bytes(2, "big")
        if self._encrypt_then_mac:
            body = self._encrypt(plaintext)
            body += self._mac(head, body)
        else:
            body = self._encrypt(plaintext + self._mac(head, plaintext))
        self._sequence += 1
        return head + len(body).to_bytes(2, "big") + body

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Content type and plaintext.

        Raises:
            TlsError: length, padding or MAC are wrong.
        """
        head = header[:3]
        if self._encrypt_then_mac:
            plaintext = self._decrypt(self._without_mac(head, fragment))
        else:
            plaintext = self._without_mac(head, self._decrypt(fragment))
        self._sequence += 1
        return header[0], plaintext

    def _without_mac(self, head: bytes, data: bytes) -> bytes:
        covered, mac = data[: -self._size], data[-self._size :]
        if mac != self._mac(head, covered):
            raise TlsError("a record does not decrypt")
        return covered

    def _mac(self, head: bytes, data: bytes) -> bytes:
        covered = self._sequence.to_bytes(8, "big") + head + len(data).to_bytes(2, "big") + data
        return hmac.digest(self._mac_key, covered, self._hash)

    def _encrypt(self, data: bytes) -> bytes:
        padding = self._block - 1 - len(data) % self._block
        data += bytes((padding,)) * (padding + 1)
        explicit = self._version >= TLS_1_1
        iv = os.urandom(self._block) if explicit else self._iv
        encryptor = Cipher(self._cipher, modes.CBC(iv)).encryptor()
        sealed = encryptor.update(data) + encryptor.finalize()
        self._iv = sealed[-self._block :]
        return iv + sealed if explicit else sealed

    def _decrypt(self, data: bytes) -> bytes:
        iv = self._iv
        if self._version >= TLS_1_1:
            iv, data = data[: self._block], data[self._block :]
        if not data or len(data) % self._block or len(iv) != self._block:
            raise TlsError("a protected record has a length that no block cipher makes")
        decryptor = Cipher(self._cipher, modes.CBC(iv)).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
        self._iv = data[-self._block :]
        padding = plain[-1]
        if padding >= len(plain) or plain[-1 - padding :] != bytes((padding,)) * (padding + 1):
            raise TlsError("a record does not decrypt")
        return plain[: -1 - padding]
