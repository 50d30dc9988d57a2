"""How far a sweep has come when its addresses are done with in any order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator


class Frontier:
    """Gives out targets in order and knows up to which position all are done with.

    Positions are given out ascending, so the lowest that is still out stands first in an ordered dict: taking,
    returning and asking for the checkpoint cost the same however many are out, and nothing else is kept.
    """

    def __init__(self, targets: Iterator[tuple[int, str]], start: int, end: int) -> None:
        """Begin.

        Args:
            targets: positions, ascending, from `start` on, and addresses. Positions may be missing.
            start: all before this position are done with.
            end: the position after the last one.
        """
        self._targets = targets
        self._end = end
        self._next = start
        self._out: OrderedDict[int, None] = OrderedDict()

    def take(self) -> tuple[int, str] | None:
        """The next target; None when there are no more. It is out until `done` is called with its position."""
        target = next(self._targets, None)
        if target is None:
            self._next = self._end
            return None
        position = target[0]
        self._next = position + 1
        self._out[position] = None
        return target

    def done(self, position: int) -> None:
        """The target of a position has answered or was given up."""
        del self._out[position]

    @property
    def out(self) -> frozenset[int]:
        """Positions that were given out and are not done with."""
        return frozenset(self._out)

    @property
    def checkpoint(self) -> int:
        """All positions before this one are done with."""
        return next(iter(self._out), self._next)

    @property
    def count(self) -> int:
        """How many positions are done with, those before the start and the missing ones included."""
        return self._next - len(self._out)
