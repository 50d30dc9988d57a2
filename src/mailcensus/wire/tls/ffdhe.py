"""Key pairs of the finite-field groups of RFC 7919, for TLS 1.3 key shares.

Plain modular exponentiation: an observer's secret is worth nothing, and needs no constant time.
"""

from __future__ import annotations

import os
from functools import cache

from mailcensus.wire.errors import TlsError

_OFFSETS = {256: (2048, 560_316), 257: (3072, 2_625_351), 258: (4096, 5_736_041), 259: (6144, 15_705_020),
            260: (8192, 10_965_728)}  # fmt: skip
"""TLS group: bits, and the number that appendix A adds to make the prime one."""
_EXPONENT_BYTES = 52
"""RFC 7919 section 5.2 asks for at most 400 bits, for the largest group."""
FINITE_GROUPS = frozenset(_OFFSETS)


@cache
def prime(group: int) -> int:
    """p = 2^b - 2^(b-64) + {[2^(b-130) * e] + offset} * 2^64 - 1, RFC 7919 appendix A."""
    bits, offset = _OFFSETS[group]
    return (1 << bits) - (1 << (bits - 64)) + ((_floor_of_e(bits - 130) + offset) << 64) - 1


def _floor_of_e(bits: int) -> int:
    """floor(2^bits * e), by the series of e with 64 bits to spare."""
    term = total = 1 << (bits + 64)
    divisor = 1
    while term:
        term //= divisor
        total += term
        divisor += 1
    return total >> 64


class FinitePair:
    """A private exponent and the share to send, RFC 8446 section 4.2.8.1."""

    __slots__ = ("_exponent", "_prime", "_size", "public")

    def __init__(self, group: int) -> None:
        self._prime = prime(group)
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
