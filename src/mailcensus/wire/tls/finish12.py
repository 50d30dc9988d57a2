"""The second half of a TLS 1.2 handshake: client key exchange, keys, Finished (RFC 5246 section 7.4.7 on)."""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dh, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.codes import GROUPS, TLS_1_2, VERSIONS, ContentType, ExtensionType
from mailcensus.wire.tls.messages import ServerKeyExchange
from mailcensus.wire.tls.observer import Observer
from mailcensus.wire.tls.protection import AEAD_CIPHERS, Protection12
from mailcensus.wire.tls.schedule import prf
from mailcensus.wire.tls.shares import KeyPairs
from mailcensus.wire.tls.suites import Suite, suite_of

_EMPTY_CERTIFICATE = b"\x0b\x00\x00\x03\x00\x00\x00"
_CHANGE_CIPHER_SPEC = b"\x14\x03\x03\x00\x01\x01"
_VERIFY_DATA_BYTES = 12


def obstacle(observer: Observer) -> str | None:
    """Why a handshake whose first flight was read cannot be finished; None when it can."""
    hello = observer.hello
    if hello is None:
        return "no ServerHello"
    if hello.version != TLS_1_2:
        return f"{VERSIONS.get(hello.version, hex(hello.version))} is observed only"
    suite = suite_of(hello.cipher_suite)
    if suite is None or suite.cipher not in AEAD_CIPHERS:
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
        self, observer: Observer, client_random: bytes, transcript: list[bytes], key_pairs: KeyPairs
    ) -> None:
        """Make the second flight of a handshake that `obstacle` has no objection to.

        Raises:
            TlsError: the server's values cannot be used.
        """
        hello = observer.hello
        suite = suite_of(hello.cipher_suite) if hello else None
        if hello is None or suite is None:
            raise TlsError("no ServerHello")
        self._hash_name = suite.prf_hash
        premaster, client_key_exchange = _client_key_exchange(suite, observer, key_pairs)
        messages = b"\x10" + len(client_key_exchange).to_bytes(3, "big") + client_key_exchange
        if observer.certificate_request is not None:
            messages = _EMPTY_CERTIFICATE + messages
        self._hash = hashlib.new(self._hash_name, b"".join(transcript) + messages)
        if hello.extension(ExtensionType.EXTENDED_MASTER_SECRET) is not None:  # RFC 7627 section 4
            self._master = self._prf(premaster, b"extended master secret", self._hash.digest(), 48)
        else:
            self._master = self._prf(premaster, b"master secret", client_random + hello.random, 48)
        self.client_protection, self.server_protection = self._protections(suite, client_random, hello.random)
        verify_data = self._prf(self._master, b"client finished", self._hash.digest(), _VERIFY_DATA_BYTES)
        finished = b"\x14\x00\x00" + bytes((len(verify_data),)) + verify_data
        self._hash.update(finished)
        self.flight = (
            b"\x16\x03\x03"
            + len(messages).to_bytes(2, "big")
            + messages
            + _CHANGE_CIPHER_SPEC
            + self.client_protection.seal(ContentType.HANDSHAKE, finished)
        )

    def add(self, message: bytes) -> None:
        """A message of the server between our Finished and its own (NewSessionTicket)."""
        self._hash.update(message)

    def verify(self, verify_data: bytes) -> None:
        """Check the server's Finished.

        Raises:
            TlsError: it does not verify.
        """
        if verify_data != self._prf(
            self._master, b"server finished", self._hash.digest(), _VERIFY_DATA_BYTES
        ):
            raise TlsError("the server's Finished does not verify")

    def _prf(self, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
        return prf(TLS_1_2, self._hash_name, secret, label, seed, length)

    def _protections(
        self, suite: Suite, client_random: bytes, server_random: bytes
    ) -> tuple[Protection12, Protection12]:
        key, iv = suite.key_bytes, 12 if suite.cipher == "CHACHA20_POLY1305" else 4
        block = self._prf(self._master, b"key expansion", server_random + client_random, 2 * (key + iv))
        ivs = block[2 * key :]
        return (
            Protection12(suite, block[:key], ivs[:iv]),
            Protection12(suite, block[key : 2 * key], ivs[iv:]),
        )


def _client_key_exchange(suite: Suite, observer: Observer, key_pairs: KeyPairs) -> tuple[bytes, bytes]:
    """Premaster secret and the body of ClientKeyExchange."""
    if suite.key_exchange == "RSA":
        return _rsa(observer)
    if observer.key_exchange is None:
        raise TlsError("no ServerKeyExchange")
    if suite.key_exchange == "ECDHE":
        return _ecdhe(observer.key_exchange, key_pairs)
    return _dhe(observer.key_exchange)


def _rsa(observer: Observer) -> tuple[bytes, bytes]:
    """Encrypted premaster, RFC 5246 section 7.4.7.1."""
    spki = certificate_spki(observer.chain[0]) if observer.chain else None
    if spki is None:
        raise TlsError("no key in the server's certificate")
    # The version in it is the highest we offered, against rollback.
    premaster = TLS_1_2.to_bytes(2, "big") + os.urandom(46)
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
    """Our public value, RFC 5246 section 7.4.7.2. The secret loses its leading zeros (section 8.1.2)."""
    prime = int.from_bytes(exchange.prime or b"", "big")
    generator = int.from_bytes(exchange.generator or b"", "big")
    try:
        parameters = dh.DHParameterNumbers(prime, generator)
        private = parameters.parameters().generate_private_key()
        peer = dh.DHPublicNumbers(int.from_bytes(exchange.public, "big"), parameters).public_key()
        secret = private.exchange(peer)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsError(f"a DH group of {prime.bit_length()} bits is not usable: {error}") from None
    public = private.public_key().public_numbers().y
    data = public.to_bytes((prime.bit_length() + 7) // 8, "big")
    return secret.lstrip(b"\0"), len(data).to_bytes(2, "big") + data
