"""Key pairs of the finite-field groups of RFC 7919, for TLS 1.3 key shares.

Plain modular exponentiation: an observer's secret is worth nothing, and needs no constant time.
"""

from __future__ import annotations

import os

from mailcensus.wire.dh_primes import ffdhe_prime
from mailcensus.wire.errors import TlsError

_BITS = {256: 2048, 257: 3072, 258: 4096, 259: 6144, 260: 8192}
_EXPONENT_BYTES = 52
"""RFC 7919 section 5.2 asks for at most 400 bits, for the largest group."""
FINITE_GROUPS = frozenset(_BITS)


class FinitePair:
    """A private exponent and the share to send, RFC 8446 section 4.2.8.1."""

    __slots__ = ("_exponent", "_prime", "_size", "public")

    def __init__(self, group: int) -> None:
        self._prime = ffdhe_prime(_BITS[group])
        self._size = self._prime.bit_length() // 8
        self._exponent = int.from_bytes(os.urandom(_EXPONENT_BYTES), "big")
        self.public = pow(2, self._exponent, self._prime).to_bytes(self._size, "big")

    def agree(self, peer: bytes) -> bytes:
        """The shared secret, as long as the prime (RFC 8446 section 7.4.1).

        Raises:
            TlsError: the peer's value is not one of the group.
        """
        value = int.from_bytes(peer, "big")
        if len(peer) != self._size or not 1 < value < self._prime - 1:
            raise TlsError("the server's key share is not usable: not a value of its group")
        return pow(value, self._exponent, self._prime).to_bytes(self._size, "big")
