"""A map as a figure: outlines, and dots whose colour and shape say of what kind they are and whose area how many.

Dots that stand on one spot are many (a database knows cities, not streets). Those of one kind and place are one dot;
the larger are drawn first, so that none hides another wholly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mailcensus.report.figures.style import COLOURS, drawing, tell
from mailcensus.report.maps.outlines import Base, states, world
from mailcensus.report.maps.projection import united_states
from mailcensus.report.visible import visible

KINDS_MAX = 7
"""Kinds that have a colour of their own: the most frequent ones. The rest are `others`."""
OTHERS = "others"
_MARKERS = "oDs^vPXo"
_MOST_POINTS, _LEAST_POINTS = 17.0, 3.2
"""Diameters of the largest dot and of a small one, in points."""
_WORDS_LINES = 12
_REGION_DEGREES = 40.0
_LEGEND_COLUMNS = 3
_LEGEND_CHARACTERS = 30


class Area(StrEnum):
    """What a map shows."""

    WORLD = "world"
    UNITED_STATES = "united_states"
    FITTED = "fitted"
    """The part of the world that the dots fill."""


@dataclass(frozen=True, slots=True)
class Dot:
    """Something at a place."""

    latitude: float
    longitude: float
    kind: str
    """Its colour in the legend."""
    count: int = 1
    """Its share in the area of the dot."""
    words: str = ""
    """What a reader is told on it; the place, for instance."""


def draw_map(
    dots: Sequence[Dot], area: Area = Area.WORLD, *, counted: str = "", kinds: Sequence[str] = ()
) -> Figure | None:
    """Draw dots on a map.

    Args:
        dots: in any order.
        area: what is shown. Dots beyond it are counted below the map.
        counted: what `count` counts, for the legend and the dots' words, e.g. `servers`.
        kinds: the order of the legend; by default the most frequent kind first.
    Returns:
        None where there is no dot at all.
    """
    if not dots:
        return None
    base = _base(area, dots)
    merged = _merged(dots, _order(dots, kinds))
    with drawing(base.height_inches) as (figure, axes):
        base.draw(axes)
        beyond = _draw_dots(axes, base, merged, counted)
        _legend(figure, merged, f"{beyond:,} {counted or 'more'} beyond this map" if beyond else None)
    return figure


def area_of(dots: Sequence[Dot]) -> Area:
    """The map that shows all of some dots and not much else."""
    if not dots:
        return Area.WORLD
    north, east = (np.array([getattr(dot, axis) for dot in dots]) for axis in ("latitude", "longitude"))
    if not np.isnan(united_states(east, north)[0]).any():
        return Area.UNITED_STATES
    return Area.FITTED if np.ptp(north) < _REGION_DEGREES and np.ptp(east) < _REGION_DEGREES else Area.WORLD


def _base(area: Area, dots: Sequence[Dot]) -> Base:
    if area is Area.UNITED_STATES:
        return states()
    places = np.array([(dot.longitude, dot.latitude) for dot in dots])
    return world(places, fitted=area is Area.FITTED)


def _order(dots: Sequence[Dot], kinds: Sequence[str]) -> list[str]:
    """Kinds with a place in the legend, in its order."""
    totals: Counter[str] = Counter()
    for dot in dots:
        totals[dot.kind] += dot.count
    named = [kind for kind in kinds if kind in totals]
    ordered = named + [kind for kind, _ in sorted(totals.items(), key=_most_first) if kind not in named]
    return ordered if len(ordered) <= KINDS_MAX + 1 else ordered[:KINDS_MAX]


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


@dataclass(slots=True)
class _Spot:
    """All dots of one kind at one place."""

    dots: list[Dot]

    @property
    def count(self) -> int:
        return sum(dot.count for dot in self.dots)

    def words(self, kind: str, counted: str) -> str:
        lines = list(dict.fromkeys(visible(dot.words) for dot in self.dots if dot.words))
        more = [f"and {len(lines) - _WORDS_LINES:,} more"] if len(lines) > _WORDS_LINES else []
        head = f"{visible(kind)}: {self.count:,} {counted}".strip()
        return "\n".join([head, *lines[:_WORDS_LINES], *more])


def _merged(dots: Sequence[Dot], order: Sequence[str]) -> dict[str, list[_Spot]]:
    """Spots of each kind of the legend."""
    spots: defaultdict[str, defaultdict[tuple[float, float], list[Dot]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for dot in dots:
        kind = dot.kind if dot.kind in order else OTHERS
        spots[kind][dot.latitude, dot.longitude].append(dot)
    kinds = [*order, *([OTHERS] if OTHERS in spots and OTHERS not in order else [])]
    return {kind: [_Spot(own) for own in spots[kind].values()] for kind in kinds}


def _draw_dots(axes: Axes, base: Base, merged: dict[str, list[_Spot]], counted: str) -> int:
    """Draw them; gives the count of those that the map does not show."""
    most = max(spot.count for spots in merged.values() for spot in spots)
    looks = {kind: (COLOURS[place % 8], _MARKERS[place % 8]) for place, kind in enumerate(merged)}
    every = [(spot, kind) for kind, spots in merged.items() for spot in spots]
    beyond = 0
    for spot, kind in sorted(every, key=lambda item: -item[0].count):
        x, y = base.place(spot.dots[0].longitude, spot.dots[0].latitude)
        if not np.isfinite(x):
            beyond += spot.count
            continue
        colour, marker = looks[kind]
        size = max(_LEAST_POINTS, round(_MOST_POINTS * (spot.count / most) ** 0.5))  # few sizes: few shapes
        (mark,) = axes.plot(
            x,
            y,
            marker,
            color=colour,
            markersize=size,
            alpha=0.75,
            markeredgecolor="#ffffff",
            markeredgewidth=0.4,
        )
        tell(mark, spot.words(kind, counted), group=visible(kind))
    return beyond


def _short(kind: str) -> str:
    return kind if len(kind) <= _LEGEND_CHARACTERS else f"{kind[: _LEGEND_CHARACTERS - 1]}…"


def _legend(figure: Figure, merged: dict[str, list[_Spot]], title: str | None) -> None:
    handles = [
        Line2D(
            [], [], linestyle="", marker=_MARKERS[place % 8], color=COLOURS[place % 8], markersize=6,
            label=f"{_short(visible(kind))} ({sum(spot.count for spot in spots):,})",
        )
        for place, (kind, spots) in enumerate(merged.items())
    ]  # fmt: skip
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=_LEGEND_COLUMNS,
        handletextpad=0.2,
        title=title,
        title_fontsize=8,
        alignment="left",
    )
