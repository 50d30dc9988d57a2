"""What the answers of canaries mean. Pure: asks nobody, reads no clock.

The addresses of a population cannot say whether they are silent or we are deaf; canaries are known to answer. A
position is *trusted* once a canary that was asked after everything before that position was done with has answered:
then the way was open before and after each of those addresses. What lies behind the last trusted position is asked
again when canaries were silent in between.

One canary that does not answer says little: it may be down. So the rule has two steps.

1. `silent_after` questions in a row, to whichever canaries, were not answered: the sweep stops at once.
2. Then every canary is asked, the *roll call*. Where none answers, the vantage is blind: the run pauses. Where one
   answers that was silent just before, it was blind for a time: addresses since the trusted position are asked again.
   Where only others answer, the silent ones are down: they leave the rotation until a later roll call hears them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum, auto

from mailcensus.discovery.responders import Responder


class Finding(Enum):
    """What a roll call came to."""

    OPEN = auto()
    """The vantage can see, and could."""
    WAS_BLIND = auto()
    """It can see again; what was asked since the trusted position counts for nothing."""
    BLIND = auto()
    """No canary answers."""


class Vigil:
    """Whom to ask next, how far the sweep can be trusted, and when to doubt.

    Attributes:
        trusted: all addresses before this position were asked while the way was open.
        last_answer_at: when the canary that answered last was asked; None: none has answered yet.
    """

    def __init__(
        self, canaries: Sequence[Responder], *, silent_after: int, rest_s: float, trusted: int = 0
    ) -> None:
        """Begin; `trusted` is where an earlier session stopped."""
        if not canaries:
            raise ValueError("a vigil needs a canary")
        self.canaries = tuple(canaries)
        self.trusted = trusted
        self.last_answer_at: datetime | None = None
        self._silent_after = silent_after
        self._rest_s = rest_s
        self._rotation = list(self.canaries)
        self._asked_at: dict[Responder, float] = {}
        self._streak: list[Responder] = []
        self._blind = False

    @property
    def doubtful(self) -> bool:
        """So many questions in a row were not answered that the sweep must stop and a roll call be held."""
        return len(self._streak) >= self._silent_after

    def rested_in_s(self, canary: Responder, now_s: float) -> float:
        """How long a canary is to be left alone yet."""
        asked_at = self._asked_at.get(canary)
        return 0.0 if asked_at is None else max(0.0, asked_at + self._rest_s - now_s)

    def next(self, now_s: float) -> Responder | None:
        """Whose turn it is; None where it was asked too short a time ago. Canaries take turns."""
        canary = self._rotation[0]
        if self.rested_in_s(canary, now_s) > 0:
            return None
        self._rotation.append(self._rotation.pop(0))
        return canary

    def asked(self, canary: Responder, now_s: float) -> None:
        """A canary is being asked."""
        self._asked_at[canary] = now_s

    def heard(self, canary: Responder, answered: bool, position: int, at: datetime) -> None:
        """One question has ended.

        Args:
            answered: whether the canary did.
            position: everything before it was done with when the question was sent.
            at: when the question was sent.
        """
        if answered:
            self._trust(position, at)
        else:
            self._streak.append(canary)

    def roll_call(self, answered: Iterable[Responder], position: int, at: datetime) -> Finding:
        """Every canary has been asked while no address was; arguments as in `heard`."""
        heard = set(answered)
        if not heard:
            self._blind = True
            return Finding.BLIND
        came_back = self._blind or (self.doubtful and not heard.isdisjoint(self._streak))
        self._rotation = [canary for canary in self.canaries if canary in heard]
        if came_back:
            self._trust(self.trusted, at)
            return Finding.WAS_BLIND
        self._trust(position, at)
        return Finding.OPEN

    def _trust(self, position: int, at: datetime) -> None:
        self.trusted = max(self.trusted, position)
        self.last_answer_at = at
        self._streak.clear()
        self._blind = False
