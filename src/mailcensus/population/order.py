"""The addresses of a population in the order of asking, a chunk at a time.

Positions run over everything the study means to ask *before* exclusions. What is excluded has a position and is
passed over there. So an opt-out that comes in during a scan of weeks leaves every other address its position, and
a scan that is taken up again at a position misses nobody.

A sample is the first so many positions (see `sample`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import format_address
from mailcensus.population.permutation import Indices, Permutation
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges

_HALF_ADDRESS = np.uint64(16)
_LOW_HALF = np.uint64(0xFFFF)

Texts = NDArray[np.object_]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Segments:
    """A population cut into ranges that may or may not be asked, IPv4 before IPv6, as parallel columns."""

    ipv4_starts: Indices
    ipv6_starts: tuple[int, ...]
    offsets: Indices
    """How many addresses lie before each range."""
    allowed: Mask

    @classmethod
    def of(cls, everyone: PrefixSet, allowed: PrefixSet) -> _Segments:
        ipv4, ipv6 = _cut(everyone.ipv4, allowed.ipv4), _cut(everyone.ipv6, allowed.ipv6)
        cut = [*ipv4, *ipv6]
        offsets = list(accumulate((stop - start for start, stop, _ in cut), initial=0))[:-1]
        return cls(
            np.array([start for start, _, _ in ipv4], np.uint64),
            tuple(start for start, _, _ in ipv6),
            np.array(offsets, np.uint64),
            np.array([may_be_asked for _, _, may_be_asked in cut], np.bool_),
        )

    def rows(self, members: Indices) -> NDArray[np.int64]:
        """The ranges in which the addresses lie that so many others precede."""
        return np.searchsorted(self.offsets, members, side="right") - 1

    def texts(self, members: Indices, rows: NDArray[np.int64]) -> list[str]:
        """The addresses themselves."""
        inside, ipv4 = members - self.offsets[rows], rows < len(self.ipv4_starts)
        texts: Texts = np.empty(len(rows), np.object_)
        texts[ipv4] = _ipv4_texts(self.ipv4_starts[rows[ipv4]] + inside[ipv4])
        for place in np.flatnonzero(~ipv4).tolist():
            start = self.ipv6_starts[rows[place] - len(self.ipv4_starts)]
            texts[place] = format_address(6, start + int(inside[place]))
        found: list[str] = texts.tolist()
        return found


def _cut(everyone: Ranges, allowed: Ranges) -> list[tuple[int, int, bool]]:
    """Ranges of everyone, ascending, each all allowed or all not."""
    cut = [(*pair, True) for pair in everyone.intersect(allowed).pairs()]
    cut += [(*pair, False) for pair in everyone.minus(allowed).pairs()]
    return sorted(cut)


class AskingOrder:
    """A permutation of a set of addresses, passing over those that may not be asked."""

    def __init__(
        self, everyone: PrefixSet, allowed: PrefixSet, seed: int, positions: int | None = None
    ) -> None:
        """Prepare the order.

        Args:
            everyone: the addresses that have positions.
            allowed: those of them that may be asked.
            seed: the same seed and `everyone` give the same order.
            positions: how many are asked, from the first on: a sample; all where it is None.

        Raises:
            ValueError: there are more than 2**62 addresses, or fewer than positions.
        """
        self.positions = everyone.count if positions is None else positions
        """How many positions there are to ask."""
        if not 0 <= self.positions <= everyone.count:
            raise ValueError(f"{self.positions} positions of {everyone.count} addresses")
        self.is_sample = positions is not None
        """Whether the order ends before everyone has been asked, or may do so."""
        self.identity = _identity(everyone, seed, positions)
        """Names the order: positions of one identity mean nothing in another."""
        self._allowed_everywhere = allowed.count
        self._permutation = Permutation(everyone.count, seed)
        self._segments = _Segments.of(everyone, allowed)

    @cached_property
    def count(self) -> int:
        """How many positions may be asked. Those of a sample are counted one by one, millions a second."""
        if not self.is_sample:
            return self._allowed_everywhere
        return sum(len(members) for _, members, _ in self._allowed_members(0))

    def chunks(self, start: int = 0) -> Iterator[tuple[list[int], list[str]]]:
        """Positions from `start` on that may be asked, ascending, each chunk beside its addresses."""
        for positions, members, rows in self._allowed_members(start):
            yield positions.tolist(), self._segments.texts(members, rows)

    def ipv4_numbers(self, start: int = 0) -> Iterator[Indices]:
        """The IPv4 addresses of `chunks` as integers, in the same order."""
        segments = self._segments
        for _, members, rows in self._allowed_members(start):
            ipv4 = rows < len(segments.ipv4_starts)
            rows = rows[ipv4]
            yield segments.ipv4_starts[rows] + (members[ipv4] - segments.offsets[rows])

    def _allowed_members(self, start: int) -> Iterator[tuple[NDArray[np.int64], Indices, NDArray[np.int64]]]:
        """Positions, members of the permutation there, and the ranges these lie in."""
        for first, members in self._permutation.chunks(start, self.positions):
            rows = self._segments.rows(members)
            places = np.flatnonzero(self._segments.allowed[rows])
            yield places + first, members[places], rows[places]


def _ipv4_texts(values: Indices) -> Texts:
    """Dotted quads, out of two tables of half addresses: several times quicker than writing each."""
    upper, lower = _half_addresses()
    texts: Texts = upper[values >> _HALF_ADDRESS] + lower[values & _LOW_HALF]
    return texts


@cache
def _half_addresses() -> tuple[Texts, Texts]:
    """The texts `0.0.` to `255.255.` and `0.0` to `255.255` (8 MB)."""
    halves = [f"{number >> 8}.{number & 0xFF}" for number in range(1 << 16)]
    return np.array([f"{half}." for half in halves], np.object_), np.array(halves, np.object_)


def _identity(everyone: PrefixSet, seed: int, positions: int | None) -> str:
    digest = hashlib.sha256(f"mailcensus order 1 {seed}\n".encode())
    for ranges in (everyone.ipv4, everyone.ipv6):
        digest.update(b"\n".join(b"%x-%x" % pair for pair in ranges.pairs()) + b"\n\n")
    if positions is not None:
        digest.update(b"first %d" % positions)
    return digest.hexdigest()
