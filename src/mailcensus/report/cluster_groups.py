"""Which hosts of a cluster get one colour: those of one AS, or of one country.

A colour is a place in a palette, given to the groups of *this* cluster by their size: it never says a number, so that
a drawing without its legend names nobody, and no two systems meet in one colour by their numbers (a colour made out
of an AS number does both). Groups beyond the palette share a grey; a host of which nothing is known is hollow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLOURS = ("#77aadd", "#ee8866", "#44bb99", "#ffaabb", "#bbcc33", "#99ddff", "#eedd88", "#aaaa00")
"""Paul Tol's light scheme (https://sronpersonalpages.nl/~pault/): colour-blind safe, and text on it stays readable."""
OTHERS = "#c8c8c8"
"""Of groups beyond the palette."""
LISTED_MAX = 200
"""Groups a page names; the rest are `others` there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is, as databases say; None: they do not."""

    asn: int | None
    as_org: str | None
    country: str | None
    ptr: str | None

    @property
    def system(self) -> str | None:
        """Its AS in words."""
        if self.asn is None:
            return None
        return f"AS{self.asn} {self.as_org}" if self.as_org else f"AS{self.asn}"


NOWHERE = Place(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts of one AS or country."""

    label: str
    hosts: int
    colour: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """All hosts of a cluster by one property of theirs."""

    groups: Sequence[Group]
    """Most hosts first."""
    members: Sequence[int]
    """For each host the place of its group; -1: not known."""

    @property
    def unknown(self) -> int:
        """Hosts of which it is not known."""
        return self.members.count(-1)


def by_system(addresses: Sequence[str], places: Mapping[str, Place]) -> Grouping:
    """Hosts by the AS that announces them."""
    return _grouping([places.get(ip, NOWHERE).system for ip in addresses])


def by_country(addresses: Sequence[str], places: Mapping[str, Place]) -> Grouping:
    """Hosts by the country where databases say they are used."""
    return _grouping([places.get(ip, NOWHERE).country for ip in addresses])


def _grouping(labels: Sequence[str | None]) -> Grouping:
    counts = Counter(label for label in labels if label is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    number = {label: i for i, (label, _) in enumerate(ordered)}
    groups = [Group(label, hosts, colour_at(i)) for i, (label, hosts) in enumerate(ordered)]
    return Grouping(groups, [-1 if label is None else number[label] for label in labels])


def colour_at(place: int) -> str:
    """Colour of the group at a place."""
    return COLOURS[place] if place < len(COLOURS) else OTHERS
