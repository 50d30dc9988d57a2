"""Samples: so many addresses instead of all of them.

The first positions of a pseudo-random permutation are a simple random sample without replacement, so nothing has to
be drawn: a study that asks the first 1 % of its order has asked such a sample, and one that goes on has a bigger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_LONGEST = 24


@dataclass(frozen=True, slots=True)
class Sample:
    """How many addresses, or which share of them; one of the two is None."""

    size: int | None = None
    share: Fraction | None = None

    @classmethod
    def parse(cls, text: str) -> Sample:
        """Read "1%", "0.25 %" or "50000".

        Raises:
            ValueError: it is no such thing, or nothing would be left.
        """
        number, percent, rest = text.replace(" ", "").partition("%")
        value = _number(number)
        if value is not None and value > 0 and not rest:
            if percent and value <= 100:
                return cls(share=value / 100)
            if not percent and value.denominator == 1:
                return cls(size=int(value))
        raise ValueError(f'{text!a} is no sample; write a share such as "1%" or a number of addresses')

    def positions(self, population: int) -> int:
        """How many of so many positions are in the sample; at least one where there is one."""
        if self.size is not None:
            return min(self.size, population)
        return min(population, max(1, round(population * (self.share or 0))))


def _number(text: str) -> Fraction | None:
    if not text.isascii() or len(text) > _LONGEST or not text.replace(".", "", 1).isdigit():
        return None
    return Fraction(text)
