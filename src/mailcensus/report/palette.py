"""How an edge between two hosts looks: one colour and dash for each unordered pair of services.

No 28 colours can be told apart by everybody, so a pair is a colour (seven of Okabe and Ito's colour-blind-safe
set, https://jfly.uni-koeln.de/color/) *and* a dash. Seven services make 28 unordered pairs, same-service pairs
included; with i and j their places in the list, colour (i + j) mod 7 holds exactly four pairs, one of them a
same-service pair: that one is drawn solid, the other three each have a dash of their own. So every pair of the
first seven services looks different, and the sum does not care which end comes first. Pairs with later services
continue the same rule and may look like another pair; the legend of a drawing names every pair that is in it.

A drawing shows services, not port numbers, so a study on unusual ports keeps the colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

SERVICES = (
    "ssh",
    "smtp",
    "pop3",
    "imap",
    "https",
    "submission",
    "imaps",
    "smtps",
    "pop3s",
    "lmtp",
    "managesieve",
    "xmpp-client",
    "xmpp-server",
    "ircs",
)
"""Places in the palette. Append only: a colour, once published, keeps its meaning."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#808080")
_SOLID: tuple[int, ...] = ()
_DASHES: tuple[tuple[int, ...], ...] = ((9, 4), (2, 4), (11, 3, 2, 3))
_SEVEN = len(_COLOURS)


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one pair is drawn."""

    colour: str
    dash: tuple[int, ...]
    """Lengths of dashes and gaps in pixels; empty: solid."""


def stroke_of(one: str, other: str) -> Stroke:
    """The stroke for a pair of services, the same whichever is named first."""
    i, j = sorted((_place(one), _place(other)))
    colour = _COLOURS[(i + j) % _SEVEN]
    if i == j:
        return Stroke(colour, _SOLID)
    return Stroke(colour, _DASHES[_rank_within_colour(i, j)])


def _place(service: str) -> int:
    """The service's place; names we do not know get one by their letters, the same in every report."""
    if service in SERVICES:
        return SERVICES.index(service)
    return len(SERVICES) + sum(service.encode()) % _SEVEN


def _rank_within_colour(i: int, j: int) -> int:
    i, j = sorted((i % _SEVEN, j % _SEVEN))
    mixed = [
        (a, b)
        for a, b in combinations_with_replacement(range(_SEVEN), 2)
        if a != b and (a + b) % _SEVEN == (i + j) % _SEVEN
    ]
    return mixed.index((i, j)) if (i, j) in mixed else 0
