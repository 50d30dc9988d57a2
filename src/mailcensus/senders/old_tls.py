"""First flights that no library of today makes: SSL 3.0, RC4, 3DES, export, short Diffie-Hellman groups.

They are written out by hand and never finished. An honest server of such a kind answers a hello that has nothing for
it with handshake_failure; else it chooses, shows its certificate, and waits for the client's key exchange. A client
that sends that would have gone on (`went_on`); one that sends an alert says no. SSL 3.0 is RFC 6101, the messages are
those of RFC 5246 section 7.4.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailcensus.senders.certificates import Shown
from mailcensus.senders.conditions import Tls
from mailcensus.wire.dh_primes import modp_prime
from mailcensus.wire.tls.client_hello import OfferedHello
from mailcensus.wire.tls.codes import alert_name

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _KEY_EXCHANGE, _DONE, _CLIENT_KEY_EXCHANGE = 2, 11, 12, 14, 16
_FATAL, _HANDSHAKE_FAILURE = 2, 40
_RENEGOTIATION_INFO = bytes.fromhex("ff01000100")
"""Empty renegotiation_info (RFC 5746 section 3.6): clients may refuse a server without it."""
_SSL3, _TLS10, _TLS12 = 0x0300, 0x0301, 0x0303
_RSA_PKCS1_SHA256 = b"\x04\x01"
_DHE_SUITES = (0x009E, 0x009F, 0x0067, 0x006B, 0x0033, 0x0039)
_DHE_TLS10 = frozenset({0x0033, 0x0039})
"""Those that versions before 1.2 know too."""
_PRIME_512 = int(
    "c29c4953ee2912ce9cd4c5ded1136331f55d48cc1f69afd412ea9a5d3140e04e"
    "432f4c4b0eda3b1b54745074eeb95e5f1b314650fe64112d6cdf608310eca3c7",
    16,
)
"""A safe prime, made for this: no standard has one as short."""


@dataclass(frozen=True, slots=True)
class OldKind:
    """What one of these servers speaks."""

    suites: Sequence[int]
    """IANA codes, best first; key transport by RSA where there is no prime."""
    newest: int
    prime: int | None = None
    """Of the ephemeral Diffie-Hellman group; its generator is 2."""


OLD_KINDS: dict[Tls, OldKind] = {
    Tls.SSL3: OldKind((0x002F, 0x0035, 0x000A, 0x0005, 0x0004), _SSL3),
    Tls.RC4: OldKind((0x0005, 0x0004), _TLS12),
    Tls.TRIPLE_DES: OldKind((0x000A,), _TLS12),
    Tls.EXPORT: OldKind((0x0003, 0x0006, 0x0008), _TLS10),
    Tls.DHE512: OldKind(_DHE_SUITES, _TLS12, _PRIME_512),
    Tls.DHE768: OldKind(_DHE_SUITES, _TLS12, modp_prime(768)),
    # OpenSSL 4 would, but not with a client that offers ffdhe2048, which RFC 7919 has it respect.
    Tls.DHE1024: OldKind(_DHE_SUITES, _TLS12, modp_prime(1_024)),
}


class OldServer:
    """One connection's first flight.

    Attributes:
        went_on: the client sent its key exchange, or more.
        alert: name of the alert the client sent.
        alert_sent: name of the one we sent: it offered nothing of ours.
        version: the version chosen.
        suite: the suite chosen.
    """

    def __init__(self, kind: OldKind, shown: Shown) -> None:
        self._kind, self._shown = kind, shown
        self._buffer = bytearray()
        self.went_on = False
        self.alert: str | None = None
        self.alert_sent: str | None = None
        self.version: int | None = None
        self.suite: int | None = None

    def answer(self, hello: OfferedHello) -> bytes:
        """The first flight for a hello, or the alert that nothing is in common."""
        legacy = (
            hello.offered.legacy_version or _SSL3
        )  # supported_versions is unknown to servers of that time
        self.version = min(max(legacy, _SSL3), self._kind.newest)
        self.suite = self._choose(hello.offered.cipher_suites or ())
        if self.suite is None:
            self.alert_sent = alert_name(_HANDSHAKE_FAILURE)
            refusal, self.version = self.last_word(), None
            return refusal
        random = secrets.token_bytes(32)
        extensions = b"" if self.version == _SSL3 else _block(_RENEGOTIATION_INFO, 2)
        chosen = self.version.to_bytes(2, "big") + random + b"\0" + self.suite.to_bytes(2, "big") + b"\0"
        certificates = b"".join(_block(der, 3) for der in self._shown.ders)
        messages = _message(_SERVER_HELLO, chosen + extensions)
        messages += _message(_CERTIFICATE, _block(certificates, 3))
        if self._kind.prime is not None:
            messages += _message(_KEY_EXCHANGE, self._key_exchange(self._kind.prime, hello.random + random))
        return _record(_HANDSHAKE, self.version, messages + _message(_DONE, b""))

    def _choose(self, offered: Sequence[int]) -> int | None:
        wanted = self._kind.suites
        if self._kind.prime is not None and self.version != _TLS12:
            wanted = [suite for suite in wanted if suite in _DHE_TLS10]
        return next((suite for suite in wanted if suite in offered), None)

    def _key_exchange(self, prime: int, randoms: bytes) -> bytes:
        """ServerKeyExchange for DHE_RSA, RFC 5246 section 7.4.3; before TLS 1.2 the signature is RFC 4346's."""
        size = prime.bit_length() // 8
        public = pow(2, secrets.randbelow(prime - 2) + 1, prime)
        parameters = _block(prime.to_bytes(size, "big"), 2) + _block(b"\x02", 2)
        parameters += _block(public.to_bytes(size, "big"), 2)
        key, signed = self._shown.key, randoms + parameters
        assert key is not None  # only the export key has none, and no prime either
        if self.version == _TLS12:
            signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
            return parameters + _RSA_PKCS1_SHA256 + _block(signature, 2)
        return parameters + _block(_sign_md5_sha1(key, signed), 2)

    def receive(self, data: bytes) -> None:
        """Bytes of the client behind our flight; `went_on` or `alert` says what they mean, once they are enough."""
        if len(self._buffer) < 7:
            self._buffer += data[:7]
        if len(self._buffer) >= 6 and self._buffer[0] == _HANDSHAKE:
            self.went_on = self._buffer[5] == _CLIENT_KEY_EXCHANGE
        elif len(self._buffer) >= 7 and self._buffer[0] == _ALERT:
            self.alert = alert_name(self._buffer[6])

    def last_word(self) -> bytes:
        """The alert that ends what we cannot finish."""
        return _record(_ALERT, self.version or _TLS10, bytes([_FATAL, _HANDSHAKE_FAILURE]))


def _sign_md5_sha1(key: rsa.RSAPrivateKey, signed: bytes) -> bytes:
    """PKCS #1 signature over both hashes without a DigestInfo, RFC 4346 section 4.7; libraries make none any more."""
    size = key.key_size // 8
    digest = hashlib.md5(signed, usedforsecurity=False).digest()
    digest += hashlib.sha1(signed, usedforsecurity=False).digest()
    padded = b"\0\1" + b"\xff" * (size - 3 - len(digest)) + b"\0" + digest
    numbers = key.private_numbers()
    signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n)
    return signature.to_bytes(size, "big")


def _block(content: bytes, length_bytes: int) -> bytes:
    return len(content).to_bytes(length_bytes, "big") + content


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _block(body, 3)


def _record(kind: int, version: int, content: bytes) -> bytes:
    """One record; a flight that is longer than one gets several."""
    head = bytes([kind]) + version.to_bytes(2, "big")
    pieces = [content[at : at + 16_384] for at in range(0, len(content), 16_384)]
    return b"".join(head + _block(piece, 2) for piece in pieces)
