"""Key schedules: TLS 1.3 (RFC 8446 section 7) and the PRF of TLS 1.2 and before (RFC 5246, RFC 2246 section 5)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.hmac import HMAC

from mailcensus.wire.tls.codes import TLS_1_2


class Secret:
    """A secret of the TLS 1.3 schedule, from which others come by HKDF-Expand-Label (RFC 8446 section 7.1).

    The HMAC is keyed once and copied for each label: keying is most of what an HMAC of so few bytes costs, and
    every secret has two or three labels.
    """

    __slots__ = ("_keyed", "hash_name", "value")

    def __init__(self, hash_name: str, value: bytes) -> None:
        self.hash_name = hash_name
        self.value = value
        self._keyed = HMAC(value, _HASHES[hash_name])

    @classmethod
    def extract(cls, hash_name: str, salt: bytes, secret: bytes) -> Secret:
        """HKDF-Extract, RFC 5869 section 2.2."""
        return cls(hash_name, hmac.digest(salt, secret, hash_name))

    def expand(self, label: bytes, context: bytes, length: int) -> bytes:
        """Output of at most one hash, which is all that TLS 1.3 asks for."""
        keyed = self._keyed.copy()
        keyed.update(_label(label, length) + bytes((len(context),)) + context + b"\x01")
        return keyed.finalize()[:length]

    def derive(self, label: bytes, context: bytes) -> Secret:
        """Another secret, as long as the hash."""
        return Secret(self.hash_name, self.expand(label, context, len(self.value)))


_HASHES = {"sha256": SHA256(), "sha384": SHA384()}


@cache
def _label(label: bytes, length: int) -> bytes:
    """HkdfLabel up to its context; there are a dozen."""
    name = b"tls13 " + label
    return length.to_bytes(2, "big") + bytes((len(name),)) + name


@cache
def _early_derived(hash_name: str) -> bytes:
    """The salt of the handshake secret, the same in every handshake without PSK."""
    nothing = bytes(hashlib.new(hash_name).digest_size)
    return Secret.extract(hash_name, nothing, nothing).derive(b"derived", _empty_hash(hash_name)).value


@cache
def _empty_hash(hash_name: str) -> bytes:
    return hashlib.new(hash_name).digest()


@dataclass(slots=True)
class Schedule13:
    """The secrets of one TLS 1.3 handshake without PSK, in the order they come about."""

    handshake_secret: Secret
    server_hello_hash: bytes
    """Transcript hash up to ServerHello."""
    server_handshake: Secret
    """Server's handshake traffic secret."""

    @classmethod
    def start(cls, hash_name: str, shared_secret: bytes, transcript_hash: bytes) -> Schedule13:
        """From the (EC)DHE secret and the transcript up to ServerHello."""
        secret = Secret.extract(hash_name, _early_derived(hash_name), shared_secret)
        return cls(secret, transcript_hash, secret.derive(b"s hs traffic", transcript_hash))

    def client_handshake(self) -> Secret:
        """Client's handshake traffic secret: of use only to those who answer."""
        return self.handshake_secret.derive(b"c hs traffic", self.server_hello_hash)

    def application(self, transcript_hash: bytes) -> tuple[Secret, Secret]:
        """Client's and server's first application traffic secrets, from the transcript up to server Finished."""
        name = self.handshake_secret.hash_name
        empty = _empty_hash(name)
        salt = self.handshake_secret.expand(b"derived", empty, len(empty))
        master = Secret.extract(name, salt, bytes(len(empty)))
        return master.derive(b"c ap traffic", transcript_hash), master.derive(
            b"s ap traffic", transcript_hash
        )


def finished_data(traffic_secret: Secret, transcript_hash: bytes) -> bytes:
    """verify_data of a Finished message, RFC 8446 section 4.4.4."""
    key = traffic_secret.expand(b"finished", b"", len(traffic_secret.value))
    return hmac.digest(key, transcript_hash, traffic_secret.hash_name)


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
