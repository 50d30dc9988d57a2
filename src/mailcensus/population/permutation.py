"""The order of asking: a pseudo-random permutation of range(n), each member computed from its position.

Why not a cyclic group, as zmap has: there a position is reached by exponentiation and members of one group run in
a fixed ratio, while here any position is as cheap as the next (to resume, and later to give shards and samples
their positions), n may be any number, and whole chunks are computed by numpy at once.

How: a Feistel network whose halves are numbers below a and b, with a * b the least such rectangle that holds n
(J. Black and P. Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, method 3). Each round adds a mix of
one half to the other, which can be undone whatever the mix, so the network permutes range(a * b). A result that is
n or more is put through again until it is below n; that walks along a cycle of the permutation, so no two
positions end at the same place and none is left out. The rectangle has fewer than sqrt(n) + 1 places too many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import isqrt

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.uint64]

_ROUNDS = 8
_MOST = 1 << 62
_CHUNK = 1 << 13
_HALF_WORD = np.uint64(32)
# Odd constants of the 64-bit finaliser "Mix13", D. Stafford, "Better Bit Mixing", 2011.
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_MIX_SHIFTS = (np.uint64(30), np.uint64(27))


class Permutation:
    """A permutation of range(n). The same n and seed give the same one on every machine and in every version."""

    def __init__(self, n: int, seed: int) -> None:
        """Prepare the order; nothing of size n is kept.

        Raises:
            ValueError: n is negative or above 2**62.
        """
        if not 0 <= n <= _MOST:
            raise ValueError(f"cannot order {n} addresses; 0 to 2**62 can be ordered")
        self.n = n
        self._a = max(1, isqrt(n - 1) + 1) if n else 1
        self._b = max(1, -(-n // self._a))
        digest = hashlib.blake2b(f"mailcensus order 1: {n} {seed}".encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = np.frombuffer(digest, ">u8").astype(np.uint64)

    def at(self, positions: Indices) -> Indices:
        """The members at the given positions, each below n."""
        members = self._network(positions)
        outside = np.flatnonzero(members >= self.n)
        while outside.size:
            members[outside] = self._network(members[outside])
            outside = outside[members[outside] >= self.n]
        return members

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Indices]]:
        """The members of positions from `start` to before `stop`: the position of a chunk's first, and the chunk."""
        end = self.n if stop is None else min(stop, self.n)
        for position in range(start, end, _CHUNK):
            yield position, self.at(np.arange(position, min(position + _CHUNK, end), dtype=np.uint64))

    def _network(self, values: Indices) -> Indices:
        a, b = np.uint64(self._a), np.uint64(self._b)
        left, right = values // b, values % b
        for number, key in enumerate(self._keys):
            if number % 2:
                right = _add_below(right, mixed(left, key), b)
            else:
                left = _add_below(left, mixed(right, key), a)
        return left * b + right


def mixed(half: Indices, key: np.uint64) -> Indices:
    """Numbers below 2**32 that depend on all bits of each half and of the key. Shards are drawn with it too."""
    value = half ^ key
    for multiplier, shift in zip(_MIX, _MIX_SHIFTS, strict=True):
        value = (value ^ (value >> shift)) * multiplier
    return value >> _HALF_WORD


def _add_below(half: Indices, mixed: Indices, limit: np.uint64) -> Indices:
    """The half moved on by a fraction of the limit, round about. The limit is at most 2**31 + 1."""
    moved = half + ((mixed * limit) >> _HALF_WORD)
    return np.where(moved >= limit, moved - limit, moved)
