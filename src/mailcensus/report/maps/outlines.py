"""The map under the dots: land, borders, and the way from a place to a point of the drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from mailcensus.report.maps.projection import Plane, equal_earth, united_states
from mailcensus.report.maps.topology import Ring, rings_of

_WIDTH_INCHES = 6.4
_LEGEND_INCHES = 0.6
_SOUTH, _NORTH = -57.0, 84.0
"""Where the world map ends unless somebody is farther out: Antarctica has no mail of its own."""
_LEAST_SPAN_DEGREES = 4.0
_MARGIN = 0.08
_DETAIL = 1_200
"""Points nearer to each other than this part of the map's width are one: a page carries all of them."""
_CORNERS = 3

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Base:
    """A map without its dots."""

    land: Path
    project: Callable[[NDArray[np.float64], NDArray[np.float64]], Plane]
    window: tuple[float, float, float, float]
    """Left, right, bottom and top of the drawing, in its own units; bottom and top as `project` has them."""
    edge: Path | None = None
    """The edge of the world, beyond which no land is drawn."""

    @property
    def height_inches(self) -> float:
        """Height of a figure of our width that it fills."""
        left, right, bottom, top = self.window
        return min(7.0, _WIDTH_INCHES * abs(top - bottom) / (right - left) + _LEGEND_INCHES)

    def draw(self, axes: Axes) -> None:
        """Draw it, in greys that both a white and a black page show."""
        left, right, bottom, top = self.window
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        patch = PathPatch(self.land, facecolor="#80808033", edgecolor="#80808099", linewidth=0.4)
        axes.add_patch(patch)
        patch.set_gid("map")
        if self.edge is not None:
            outline = PathPatch(self.edge, facecolor="none", edgecolor="#80808066", linewidth=0.5)
            axes.add_patch(outline)
            patch.set_clip_path(outline)

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Where a place stands; not a number where the map does not show it."""
        x, y = self.project(np.array([longitude]), np.array([latitude]))
        left, right, bottom, top = self.window
        inside = left <= x[0] <= right and min(bottom, top) <= y[0] <= max(bottom, top)
        return (float(x[0]), float(y[0])) if inside else (float("nan"), float("nan"))


def states() -> Base:
    """The fifty states and the District of Columbia, Alaska and Hawaii below the others."""
    rings = [ring for _, ring in rings_of("states-albers-10m.json", "states")]
    return Base(_path(rings, least=975.0 / _DETAIL), united_states, (0.0, 975.0, 610.0, 0.0))


def world(places: Points, *, fitted: bool) -> Base:
    """The world, or the part of it that places fill.

    Args:
        places: shape (n, 2), degrees east and north.
        fitted: show no more than the places and a margin.
    """
    rings = [
        np.column_stack(equal_earth(copy[:, 0], copy[:, 1]))
        for _, ring in rings_of("countries-110m.json", "countries")
        for copy in _around(ring)
    ]
    window = _window(places, fitted)
    least = (window[1] - window[0]) / _DETAIL
    return Base(_path(rings, least), equal_earth, window, _edge())


def _around(ring: Ring) -> Iterable[Ring]:
    """A ring without jumps at the date line, and once more beyond each edge that it crosses.

    A ring around the pole (Antarctica's) is led along it.
    """
    east = np.unwrap(ring[:, 0], period=360)
    whole = np.column_stack([east, ring[:, 1]])
    if abs(east[-1] - east[0]) > 180:
        whole = np.vstack([whole, [[east[-1], -90.0], [east[0], -90.0]]])
    yield whole
    for shift in (-360.0, 360.0):
        if (whole[:, 0] + shift).max() > -180 and (whole[:, 0] + shift).min() < 180:
            yield np.column_stack([whole[:, 0] + shift, whole[:, 1]])


def _window(places: Points, fitted: bool) -> tuple[float, float, float, float]:
    if not fitted:
        south = min(_SOUTH, float(places[:, 1].min()))
        right = float(equal_earth(np.array(180.0), np.array(0.0))[0])
        bottom, top = (float(equal_earth(np.array(0.0), np.array(lat))[1]) for lat in (south, _NORTH))
        return -right, right, bottom, top
    x, y = equal_earth(places[:, 0], places[:, 1])
    least = np.radians(_LEAST_SPAN_DEGREES)
    width, height = (max(least, float(np.ptp(axis))) * (1 + 2 * _MARGIN) for axis in (x, y))
    height = max(height, width * 0.5)
    width = max(width, height * 0.8)
    middle_x, middle_y = ((float(axis.min()) + float(axis.max())) / 2 for axis in (x, y))
    return middle_x - width / 2, middle_x + width / 2, middle_y - height / 2, middle_y + height / 2


def _edge() -> Path:
    side = np.linspace(-90, 90, 91)
    east = np.column_stack(equal_earth(np.full(91, 180.0), side))
    west = np.column_stack(equal_earth(np.full(91, -180.0), side[::-1]))
    return _path([np.vstack([east, west])])


def _path(rings: Iterable[Points], least: float = 0.0) -> Path:
    """One path of many closed rings, without points nearer to the one before than `least`."""
    paths = [
        Path(np.vstack([ring, ring[:1]]), _codes(len(ring)))
        for ring in (_thinned(ring, least) for ring in rings)
        if len(ring) >= _CORNERS
    ]
    return Path.make_compound_path(*paths)


def _thinned(ring: Points, least: float) -> Points:
    kept = [ring[0]]
    for point in ring[1:]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) >= least:
            kept.append(point)
    return np.array(kept)


def _codes(points: int) -> list[np.uint8]:
    return [Path.MOVETO, *[Path.LINETO] * (points - 1), Path.CLOSEPOLY]
