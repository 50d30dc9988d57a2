"""The second half of a handshake of TLS 1.0 to 1.2: client key exchange, keys, Finished.

RFC 5246 section 7.4.7 on; RFC 2246 and RFC 4346 where the older versions differ.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.cbc import CBC_CIPHERS, CbcProtection, block_bytes, mac_bytes
from mailcensus.wire.tls.codes import GROUPS, TLS_1_0, TLS_1_1, TLS_1_2, VERSIONS, ContentType, ExtensionType
from mailcensus.wire.tls.hello import ClientHello
from mailcensus.wire.tls.messages import ServerHello, ServerKeyExchange
from mailcensus.wire.tls.observer import Observer
from mailcensus.wire.tls.protection import AEAD_CIPHERS, Protection, Protection12
from mailcensus.wire.tls.schedule import prf
from mailcensus.wire.tls.shares import KeyPairs
from mailcensus.wire.tls.suites import Suite, suite_of

_EMPTY_CERTIFICATE = b"\x0b\x00\x00\x03\x00\x00\x00"
_VERIFY_DATA_BYTES = 12
_DH_EXPONENT_BYTES = 32
_MAX_DH_BITS = 8_192
"""The largest group of RFC 7919; a larger one would only burn our time."""


def obstacle(observer: Observer) -> str | None:
    """Why a handshake whose first flight was read cannot be finished; None when it can."""
    hello = observer.hello
    if hello is None:
        return "no ServerHello"
    if not TLS_1_0 <= hello.version <= TLS_1_2:
        return f"{VERSIONS.get(hello.version, hex(hello.version))} is observed only"
    suite = suite_of(hello.cipher_suite)
    if suite is None or suite.cipher not in AEAD_CIPHERS | CBC_CIPHERS:
        return f"{suite.name if suite else hex(hello.cipher_suite)} is observed only"
    if suite.key_exchange not in ("RSA", "DHE", "ECDHE"):
        return f"key exchange {suite.key_exchange} is observed only"
    if suite.key_exchange != "RSA" and observer.key_exchange is None:
        return "no ServerKeyExchange"
    if hello.compression != 0:
        return f"compression method {hello.compression}"
    return None


class Finishing:
    """Our second flight is made; the server's Finished is awaited."""

    def __init__(
        self, observer: Observer, client_hello: ClientHello, transcript: list[bytes], key_pairs: KeyPairs
    ) -> None:
        """Make the second flight of a handshake that `obstacle` has no objection to.

        Raises:
            TlsError: the server's values cannot be used.
        """
        hello = observer.hello
        suite = suite_of(hello.cipher_suite) if hello else None
        if hello is None or suite is None:
            raise TlsError("no ServerHello")
        self._version = hello.version
        self._hash_name = suite.prf_hash
        client_random = client_hello.random
        premaster, client_key_exchange = _client_key_exchange(suite, observer, client_hello, key_pairs)
        messages = b"\x10" + len(client_key_exchange).to_bytes(3, "big") + client_key_exchange
        if observer.certificate_request is not None:
            messages = _EMPTY_CERTIFICATE + messages
        self._transcript = _Transcript(hello.version, suite.prf_hash, b"".join(transcript) + messages)
        if hello.extension(ExtensionType.EXTENDED_MASTER_SECRET) is not None:  # RFC 7627 section 4
            self._master = self._prf(premaster, b"extended master secret", self._transcript.digest(), 48)
        else:
            self._master = self._prf(premaster, b"master secret", client_random + hello.random, 48)
        self.client_protection, self.server_protection = self._protections(suite, hello, client_random)
        verify_data = self._prf(
            self._master, b"client finished", self._transcript.digest(), _VERIFY_DATA_BYTES
        )
        finished = b"\x14\x00\x00" + bytes((len(verify_data),)) + verify_data
        self._transcript.update(finished)
        version = hello.version.to_bytes(2, "big")
        self.flight = (
            b"\x16" + version + len(messages).to_bytes(2, "big") + messages
            + b"\x14" + version + b"\x00\x01\x01"
            + self.client_protection.seal(ContentType.HANDSHAKE, finished)
        )  # fmt: skip

    def add(self, message: bytes) -> None:
        """A message of the server between our Finished and its own (NewSessionTicket)."""
        self._transcript.update(message)

    def verify(self, verify_data: bytes) -> None:
        """Check the server's Finished.

        Raises:
            TlsError: it does not verify.
        """
        if verify_data != self._prf(
            self._master, b"server finished", self._transcript.digest(), _VERIFY_DATA_BYTES
        ):
            raise TlsError("the server's Finished does not verify")

    def _prf(self, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
        return prf(self._version, self._hash_name, secret, label, seed, length)

    def _protections(
        self, suite: Suite, hello: ServerHello, client_random: bytes
    ) -> tuple[Protection, Protection]:
        """Client's and server's, from the key block (RFC 5246 section 6.3)."""
        cbc = suite.cipher in CBC_CIPHERS
        mac = mac_bytes(suite) if cbc else 0
        iv = _iv_bytes(suite, hello.version)
        sizes = (mac, mac, suite.key_bytes, suite.key_bytes, iv, iv)
        block = self._prf(self._master, b"key expansion", hello.random + client_random, sum(sizes))
        parts = []
        for size in sizes:
            parts.append(block[:size])
            block = block[size:]
        client, server = parts[::2], parts[1::2]
        if not cbc:
            return Protection12(suite, *client[1:]), Protection12(suite, *server[1:])
        etm = hello.extension(ExtensionType.ENCRYPT_THEN_MAC) is not None
        return (
            CbcProtection(suite, hello.version, *client, encrypt_then_mac=etm),
            CbcProtection(suite, hello.version, *server, encrypt_then_mac=etm),
        )


class _Transcript:
    """The hash over all handshake messages: the PRF's from TLS 1.2 on, MD5 and SHA-1 side by side before."""

    __slots__ = ("_hashes",)

    def __init__(self, version: int, hash_name: str, messages: bytes) -> None:
        names = (hash_name,) if version >= TLS_1_2 else ("md5", "sha1")
        self._hashes = tuple(hashlib.new(name, messages, usedforsecurity=False) for name in names)

    def update(self, message: bytes) -> None:
        for running in self._hashes:
            running.update(message)

    def digest(self) -> bytes:
        return b"".join(running.digest() for running in self._hashes)


def _iv_bytes(suite: Suite, version: int) -> int:
    """Length of the IVs in the key block; CBC has none there from TLS 1.1 on."""
    if suite.cipher in CBC_CIPHERS:
        return 0 if version >= TLS_1_1 else block_bytes(suite)
    return 12 if suite.cipher == "CHACHA20_POLY1305" else 4


def _client_key_exchange(
    suite: Suite, observer: Observer, client_hello: ClientHello, key_pairs: KeyPairs
) -> tuple[bytes, bytes]:
    """Premaster secret and the body of ClientKeyExchange."""
    if suite.key_exchange == "RSA":
        return _rsa(observer, client_hello)
    if observer.key_exchange is None:
        raise TlsError("no ServerKeyExchange")
    if suite.key_exchange == "ECDHE":
        return _ecdhe(observer.key_exchange, key_pairs)
    return _dhe(observer.key_exchange)


def _rsa(observer: Observer, client_hello: ClientHello) -> tuple[bytes, bytes]:
    """Encrypted premaster, RFC 5246 section 7.4.7.1."""
    spki = certificate_spki(observer.chain[0]) if observer.chain else None
    if spki is None:
        raise TlsError("no key in the server's certificate")
    # The version in it is the highest we offered, against rollback.
    premaster = client_hello.legacy_version.to_bytes(2, "big") + os.urandom(46)
    try:
        key = load_der_public_key(spki)
        if not isinstance(key, rsa.RSAPublicKey):
            raise TlsError("RSA key exchange with a key that is not RSA")
        encrypted = key.encrypt(premaster, padding.PKCS1v15())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsError(f"the server's RSA key is not usable: {error}") from None
    return premaster, len(encrypted).to_bytes(2, "big") + encrypted


def _ecdhe(exchange: ServerKeyExchange, key_pairs: KeyPairs) -> tuple[bytes, bytes]:
    """Our point, RFC 8422 section 5.7."""
    group = exchange.group or 0
    pair = key_pairs.pair(group)
    if pair is None:
        raise TlsError(f"group {GROUPS.get(group, group)} is observed only")
    return pair.agree(exchange.public), bytes((len(pair.public),)) + pair.public


def _dhe(exchange: ServerKeyExchange) -> tuple[bytes, bytes]:
    """Our public value, RFC 5246 section 7.4.7.2; the secret loses its leading zeros (section 8.1.2).

    Plain modular exponentiation: OpenSSL refuses the small groups that are the finding, and a secret of no worth
    needs no constant time.
    """
    prime = int.from_bytes(exchange.prime or b"", "big")
    generator = int.from_bytes(exchange.generator or b"", "big")
    if not 3 < prime.bit_length() <= _MAX_DH_BITS:
        raise TlsError(f"a DH group of {prime.bit_length()} bits is observed only")
    private = int.from_bytes(os.urandom(_DH_EXPONENT_BYTES), "big")
    size = (prime.bit_length() + 7) // 8
    public = pow(generator, private, prime).to_bytes(size, "big")
    secret = pow(int.from_bytes(exchange.public, "big"), private, prime).to_bytes(size, "big")
    return secret.lstrip(b"\0"), size.to_bytes(2, "big") + public
