"""Cryptography one can see through: records in the clear, secrets and checks that are all zeros.

A fuzzer cannot forge what it mutates. Under glass, whatever it writes decrypts and whatever says zero verifies, so
that it gets at the readers behind: TLS 1.3 flights, Finished, what is said behind TLS, SSH signatures, and records
that DNSSEC signs.
Everything but the primitives is the code that runs in a census.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from cryptography.exceptions import InvalidTag

from mailcensus.wire.ssh.exchange import SshExchange
from mailcensus.wire.tls.schedule import Secret
from mailcensus.wire.tls.suites import Suite

EXCHANGE_HASH = bytes(range(32))
"""What every SSH server under glass signs."""
TLS = "mailcensus.wire.tls"


class _Aead:
    def __init__(self, suite: Suite, _key: bytes) -> None:
        self._tag = bytes(8 if suite.cipher == "AES_CCM_8" else 16)

    def encrypt(self, _nonce: bytes, data: bytes, _header: bytes) -> bytes:
        return data + self._tag

    def decrypt(self, _nonce: bytes, data: bytes, _header: bytes) -> bytes:
        if len(data) < len(self._tag):
            raise InvalidTag
        return data[: -len(self._tag)]


class _Cipher:
    """Of a block cipher: encrypts and decrypts to the same."""

    def __init__(self, _algorithm: object, _mode: object) -> None:
        pass

    def encryptor(self) -> _Cipher:
        return self

    decryptor = encryptor

    def update(self, data: bytes) -> bytes:
        return data

    def finalize(self) -> bytes:
        return b""


def _no_mac(_key: bytes, _message: bytes, hash_name: str) -> bytes:
    return bytes(hashlib.new(hash_name).digest_size)


def _no_secret(*arguments: object) -> bytes:
    length = arguments[-1]
    assert isinstance(length, int)
    return bytes(length)


def _no_finished(traffic_secret: Secret, _transcript_hash: bytes) -> bytes:
    return bytes(len(traffic_secret.value))


def _holds(*_arguments: object) -> None:
    """A signature over records."""


def _same_digest(_name: object, _key: object, digest: object) -> object:
    return digest


def _fixed_hash(self: SshExchange, blob: bytes, theirs: bytes) -> bytes:
    _exchange_hash(self, blob, theirs)
    return EXCHANGE_HASH


_exchange_hash = SshExchange._exchange_hash


@contextmanager
def glass() -> Iterator[None]:
    """Everything is made of glass until the block is left."""
    with ExitStack() as stack:
        for target, replacement in (
            (f"{TLS}.protection.aead_for", _Aead),
            (f"{TLS}.cbc.Cipher", _Cipher),
            (f"{TLS}.cbc.hmac", SimpleNamespace(digest=_no_mac)),
            (f"{TLS}.finish12.prf", _no_secret),
            (f"{TLS}.session.finished_data", _no_finished),
            ("mailcensus.wire.ssh.exchange.SshExchange._exchange_hash", _fixed_hash),
            ("mailcensus.facts.domains.dnssec.dns.dnssec.validate", _holds),
            ("mailcensus.facts.domains.dnssec._digest", _same_digest),
        ):
            stack.enter_context(patch(target, replacement))
        yield
