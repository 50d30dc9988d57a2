"""Key exchanges, from the client's side, up to the hash that the server signs.

    method                                    our message     server's      RFC
    curve25519-sha256                         30 Q_C          31 Q_S        8731
    ecdh-sha2-nistp256, 384, 521              30 Q_C          31 Q_S        5656
    diffie-hellman-group1, 14, 16, 18         30 e            31 f          4253, 8268
    diffie-hellman-group-exchange             34 sizes        31 p, g       4419
                                              32 e            33 f

Every method hashes V_C, V_S, I_C, I_S, K_S, then its own values, then the shared secret K.

Finite-field arithmetic is Python's own `pow`: `cryptography` tests every unknown prime for safety, which takes
100 ms, and is about to drop the subject. Exponents are short because an observer has nothing to keep secret.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.wire.dh_primes import modp_prime
from mailcensus.wire.errors import LimitExceeded, ProtocolError
from mailcensus.wire.ssh.messages import GEX_INIT, GEX_REQUEST, KEX_INIT
from mailcensus.wire.ssh.packet import Reader, write_mpint, write_string

_EXPONENT_BITS = 128
_GEX_MIN_BITS, _GEX_WANTED_BITS, _GEX_MAX_BITS = 1024, 2048, 4096
_LARGEST_PRIME_BITS = 8192
"""A power in a larger field would take us over 100 ms."""


class Agreement(ABC):
    """One run of a method."""

    group_wanted = False
    """The server must name a group first."""
    prime: int | None = None
    """Of finite-field Diffie-Hellman, once it is known."""

    @abstractmethod
    def open(self) -> bytes:
        """Our first message's payload."""

    def group(self, payload: bytes) -> bytes:
        """Take the group that the server named; give our half.

        Raises:
            ProtocolError, LimitExceeded: not a group to work in.
        """
        raise ProtocolError("SSH: a group where none was asked for")

    @abstractmethod
    def finish(self, theirs: bytes) -> bytes:
        """Take the server's half; give what this method adds to the hash: its own values and the shared secret.

        Raises:
            ProtocolError: the server's half is not a value of the group.
        """


class _Curve25519(Agreement):
    def __init__(self) -> None:
        self._private = x25519.X25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()

    def open(self) -> bytes:
        return bytes((KEX_INIT,)) + write_string(self._public)

    def finish(self, theirs: bytes) -> bytes:
        try:
            secret = self._private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        except ValueError:
            raise ProtocolError("SSH: the server's half is no usable X25519 value") from None
        return write_string(self._public) + write_string(theirs) + write_mpint(int.from_bytes(secret, "big"))


class _NistCurve(Agreement):
    def __init__(self, curve: ec.EllipticCurve) -> None:
        self._curve = curve
        self._private = ec.generate_private_key(curve)
        self._public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def open(self) -> bytes:
        return bytes((KEX_INIT,)) + write_string(self._public)

    def finish(self, theirs: bytes) -> bytes:
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, theirs)
            secret = self._private.exchange(ec.ECDH(), point)
        except ValueError:
            raise ProtocolError("SSH: the server's half is no point of the curve") from None
        return write_string(self._public) + write_string(theirs) + write_mpint(int.from_bytes(secret, "big"))


class _FiniteField:
    """Diffie-Hellman in one group."""

    def __init__(self, prime: int, generator: int) -> None:
        self.prime = prime
        self._exponent = secrets.randbits(_EXPONENT_BITS) | 1 << _EXPONENT_BITS
        self.public = write_mpint(pow(generator, self._exponent, prime))

    def finish(self, theirs: bytes) -> bytes:
        """e, f and K."""
        value = int.from_bytes(theirs, "big")
        if not 1 < value < self.prime - 1:
            raise ProtocolError("SSH: the server's half is out of range")
        return self.public + write_mpint(value) + write_mpint(pow(value, self._exponent, self.prime))


class _FixedGroup(Agreement):
    def __init__(self, bits: int) -> None:
        self._field = _FiniteField(modp_prime(bits), 2)
        self.prime = self._field.prime

    def open(self) -> bytes:
        return bytes((KEX_INIT,)) + self._field.public

    def finish(self, theirs: bytes) -> bytes:
        return self._field.finish(theirs)


class _GroupExchange(Agreement):
    group_wanted = True

    def __init__(self) -> None:
        sizes = (_GEX_MIN_BITS, _GEX_WANTED_BITS, _GEX_MAX_BITS)
        self._hashed = b"".join(bits.to_bytes(4, "big") for bits in sizes)
        self._field: _FiniteField | None = None

    def open(self) -> bytes:
        return bytes((GEX_REQUEST,)) + self._hashed

    def group(self, payload: bytes) -> bytes:
        reader = Reader(payload[1:])
        prime, generator = reader.mpint(), reader.mpint()
        if prime.bit_length() > _LARGEST_PRIME_BITS:
            raise LimitExceeded(f"SSH: a group of {prime.bit_length()} bits")
        if not 1 < generator < prime - 1:
            raise ProtocolError("SSH: not a group")
        self._hashed += write_mpint(prime) + write_mpint(generator)
        self._field = _FiniteField(prime, generator)
        self.prime = prime
        return bytes((GEX_INIT,)) + self._field.public

    def finish(self, theirs: bytes) -> bytes:
        if self._field is None:
            raise ProtocolError("SSH: a reply before the group")
        return self._hashed + self._field.finish(theirs)


@dataclass(frozen=True, slots=True)
class Method:
    """A key exchange by its name."""

    name: str
    hash_name: str
    begin: Callable[[], Agreement]


_GROUP1 = partial(_FixedGroup, 1024)
_GROUP14 = partial(_FixedGroup, 2048)
_GROUP16 = partial(_FixedGroup, 4096)
_GROUP18 = partial(_FixedGroup, 8192)

METHODS = (
    # in our order of preference: cheap ones first, then by age
    Method("curve25519-sha256", "sha256", _Curve25519),
    Method("curve25519-sha256@libssh.org", "sha256", _Curve25519),
    Method("ecdh-sha2-nistp256", "sha256", partial(_NistCurve, ec.SECP256R1())),
    Method("ecdh-sha2-nistp384", "sha384", partial(_NistCurve, ec.SECP384R1())),
    Method("ecdh-sha2-nistp521", "sha512", partial(_NistCurve, ec.SECP521R1())),
    Method("diffie-hellman-group14-sha256", "sha256", _GROUP14),
    Method("diffie-hellman-group14-sha1", "sha1", _GROUP14),
    Method("diffie-hellman-group16-sha512", "sha512", _GROUP16),
    Method("diffie-hellman-group-exchange-sha256", "sha256", _GroupExchange),
    Method("diffie-hellman-group-exchange-sha1", "sha1", _GroupExchange),
    Method("diffie-hellman-group18-sha512", "sha512", _GROUP18),
    Method("diffie-hellman-group1-sha1", "sha1", _GROUP1),
)

METHOD_BY_NAME = {method.name: method for method in METHODS}
