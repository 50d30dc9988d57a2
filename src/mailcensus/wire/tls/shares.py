"""Ephemeral key pairs for key shares and client key exchanges.

A pair serves many hellos before the next one is made: an observer has no secret to keep, and making a pair costs
as much as everything else in a hello.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.wire.errors import TlsError
from mailcensus.wire.tls.ffdhe import FINITE_GROUPS, FinitePair

X25519, X448 = 29, 30
CURVES: dict[int, ec.EllipticCurve] = {23: ec.SECP256R1(), 24: ec.SECP384R1(), 25: ec.SECP521R1()}

USES_OF_A_PAIR = 1_000


class KeyPair(Protocol):
    """A private key and the public value to send."""

    @property
    def public(self) -> bytes:
        """The value to send."""

    def agree(self, peer: bytes) -> bytes:
        """The shared secret.

        Raises:
            TlsError: the peer's value is not a point of the group.
        """


class _XPair:
    __slots__ = ("_private", "public")

    def __init__(self, group: int) -> None:
        self._private = (
            x25519.X25519PrivateKey.generate() if group == X25519 else x448.X448PrivateKey.generate()
        )
        self.public = self._private.public_key().public_bytes_raw()

    def agree(self, peer: bytes) -> bytes:
        try:
            if isinstance(self._private, x25519.X25519PrivateKey):
                return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            return self._private.exchange(x448.X448PublicKey.from_public_bytes(peer))
        except ValueError as error:
            raise TlsError(f"the server's key share is not usable: {error}") from None


class _CurvePair:
    __slots__ = ("_curve", "_private", "public")

    def __init__(self, group: int) -> None:
        self._curve = CURVES[group]
        self._private = ec.generate_private_key(self._curve)
        self.public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def agree(self, peer: bytes) -> bytes:
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, peer)
            return self._private.exchange(ec.ECDH(), point)
        except ValueError as error:
            raise TlsError(f"the server's key share is not usable: {error}") from None


class _Hybrid(NamedTuple):
    """A post-quantum hybrid group, draft-ietf-tls-ecdhe-mlkem."""

    classical: int
    generate: Callable[[], mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey]
    ciphertext_bytes: int
    kem_first: bool
    """ML-KEM's part stands before the classical one, in shares and in the secret."""


HYBRIDS = {
    0x11EB: _Hybrid(23, mlkem.MLKEM768PrivateKey.generate, 1088, kem_first=False),
    0x11EC: _Hybrid(X25519, mlkem.MLKEM768PrivateKey.generate, 1088, kem_first=True),
    0x11ED: _Hybrid(24, mlkem.MLKEM1024PrivateKey.generate, 1568, kem_first=False),
}


class _HybridPair:
    """ML-KEM beside a classical group. The client's share holds the encapsulation key, the server's a ciphertext."""

    __slots__ = ("_classical", "_hybrid", "_kem", "public")

    def __init__(self, group: int) -> None:
        self._hybrid = HYBRIDS[group]
        self._kem = self._hybrid.generate()
        classical = self._hybrid.classical
        self._classical: KeyPair = _XPair(classical) if classical == X25519 else _CurvePair(classical)
        self.public = self._in_order(self._kem.public_key().public_bytes_raw(), self._classical.public)

    def agree(self, peer: bytes) -> bytes:
        size = self._hybrid.ciphertext_bytes
        if self._hybrid.kem_first:
            ciphertext, point = peer[:size], peer[size:]
        else:
            point, ciphertext = peer[:-size], peer[-size:]
        try:
            secret = self._kem.decapsulate(ciphertext)
        except ValueError as error:
            raise TlsError(f"the server's key share is not usable: {error}") from None
        return self._in_order(secret, self._classical.agree(point))

    def _in_order(self, kem: bytes, classical: bytes) -> bytes:
        return kem + classical if self._hybrid.kem_first else classical + kem


class KeyPairs:
    """Hands out pairs per group, each at most USES_OF_A_PAIR times."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[KeyPair, int]] = {}

    def pair(self, group: int) -> KeyPair | None:
        """A pair of a group; None for a group we have no arithmetic for."""
        pair, uses = self._pairs.get(group, (None, USES_OF_A_PAIR))
        if pair is None or uses >= USES_OF_A_PAIR:
            pair, uses = _new_pair(group), 0
            if pair is None:
                return None
        self._pairs[group] = (pair, uses + 1)
        return pair


def _new_pair(group: int) -> KeyPair | None:
    try:
        if group in (X25519, X448):
            return _XPair(group)
        if group in CURVES:
            return _CurvePair(group)
        if group in HYBRIDS:
            return _HybridPair(group)
        if group in FINITE_GROUPS:
            return FinitePair(group)
    except UnsupportedAlgorithm:  # a cryptographic library built without it
        return None
    return None
