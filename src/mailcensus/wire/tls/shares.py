"""Ephemeral key pairs for key shares and client key exchanges.

A pair serves many hellos before the next one is made: an observer has no secret to keep, and making a pair costs
as much as everything else in a hello.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailcensus.wire.errors import TlsError

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


class KeyPairs:
    """Hands out pairs per group, each at most USES_OF_A_PAIR times."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[KeyPair, int]] = {}

    def pair(self, group: int) -> KeyPair | None:
        """A pair of a group; None for a group we have no arithmetic for."""
        pair, uses = self._pairs.get(group, (None, USES_OF_A_PAIR))
        if pair is None or uses >= USES_OF_A_PAIR:
            if group in (X25519, X448):
                pair, uses = _XPair(group), 0
            elif group in CURVES:
                pair, uses = _CurvePair(group), 0
            else:
                return None
        self._pairs[group] = (pair, uses + 1)
        return pair
