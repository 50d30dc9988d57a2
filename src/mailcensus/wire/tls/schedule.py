"""Key schedules: TLS 1.3 (RFC 8446 section 7) and the PRF of TLS 1.2 and before (RFC 5246, RFC 2246 section 5)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache

from mailcensus.wire.tls.codes import TLS_1_2


def hkdf_extract(hash_name: str, salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract, RFC 5869 section 2.2."""
    return hmac.digest(salt, secret, hash_name)


def hkdf_expand_label(hash_name: str, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label, RFC 8446 section 7.1, for outputs of at most one hash (all that TLS 1.3 asks for)."""
    info = _label(label, length) + bytes((len(context),)) + context + b"\x01"
    return hmac.digest(secret, info, hash_name)[:length]


@cache
def _label(label: bytes, length: int) -> bytes:
    """HkdfLabel up to its context; there are a dozen."""
    name = b"tls13 " + label
    return length.to_bytes(2, "big") + bytes((len(name),)) + name


@cache
def _early_derived(hash_name: str) -> tuple[bytes, int]:
    """What every handshake without PSK begins with: the salt of the handshake secret, and the hash's length."""
    size = hashlib.new(hash_name).digest_size
    early = hkdf_extract(hash_name, bytes(size), bytes(size))
    return hkdf_expand_label(hash_name, early, b"derived", hashlib.new(hash_name).digest(), size), size


@dataclass(slots=True)
class Schedule13:
    """The secrets of one TLS 1.3 handshake without PSK, in the order they come about."""

    hash_name: str
    handshake_secret: bytes
    server_hello_hash: bytes
    """Transcript hash up to ServerHello."""
    server_handshake: bytes
    """Server's handshake traffic secret."""

    @classmethod
    def start(cls, hash_name: str, shared_secret: bytes, transcript_hash: bytes) -> Schedule13:
        """From the (EC)DHE secret and the transcript up to ServerHello."""
        salt, size = _early_derived(hash_name)
        secret = hkdf_extract(hash_name, salt, shared_secret)
        return cls(
            hash_name,
            secret,
            transcript_hash,
            hkdf_expand_label(hash_name, secret, b"s hs traffic", transcript_hash, size),
        )

    def client_handshake(self) -> bytes:
        """Client's handshake traffic secret: of use only to those who answer."""
        size = len(self.handshake_secret)
        return hkdf_expand_label(
            self.hash_name, self.handshake_secret, b"c hs traffic", self.server_hello_hash, size
        )

    def application(self, transcript_hash: bytes) -> tuple[bytes, bytes]:
        """Client's and server's first application traffic secrets, from the transcript up to server Finished."""
        name, size = self.hash_name, len(self.handshake_secret)
        salt = hkdf_expand_label(name, self.handshake_secret, b"derived", hashlib.new(name).digest(), size)
        master = hkdf_extract(name, salt, bytes(size))
        return (
            hkdf_expand_label(name, master, b"c ap traffic", transcript_hash, size),
            hkdf_expand_label(name, master, b"s ap traffic", transcript_hash, size),
        )

    def finished(self, traffic_secret: bytes, transcript_hash: bytes) -> bytes:
        """verify_data of a Finished message, RFC 8446 section 4.4.4."""
        key = hkdf_expand_label(self.hash_name, traffic_secret, b"finished", b"", len(traffic_secret))
        return hmac.digest(key, transcript_hash, self.hash_name)


def prf(version: int, hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The PRF: P_hash from TLS 1.2 on, P_MD5 xor P_SHA1 before."""
    seed = label + seed
    if version >= TLS_1_2:
        return _p_hash(hash_name, secret, seed, length)
    half = (len(secret) + 1) // 2
    left = _p_hash("md5", secret[:half], seed, length)
    right = _p_hash("sha1", secret[len(secret) - half :], seed, length)
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _p_hash(hash_name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    output = b""
    block = seed
    while len(output) < length:
        block = hmac.digest(secret, block, hash_name)
        output += hmac.digest(secret, block + seed, hash_name)
    return output[:length]
