"""From degrees to a flat map. Both projections keep areas, so that no part of a map has room that another lacks.

Sources: Savric, Patterson and Jenny, "The Equal Earth map projection" (2018); Snyder, "Map Projections: A Working
Manual" (USGS Professional Paper 1395), section 14 (Albers' conic). The composite of the United States is the one
that our outlines of the states were drawn in: the parameters of d3's `geoAlbersUsa`, scale 1,300 in 975 by 610.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Degrees = NDArray[np.float64]
Plane = tuple[NDArray[np.float64], NDArray[np.float64]]

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_ROOT3 = 3**0.5


def equal_earth(longitude: Degrees, latitude: Degrees) -> Plane:
    """x (right) and y (up) on the world map of radius 1; longitudes beyond 180 go on beyond its edge."""
    t = np.arcsin(_ROOT3 / 2 * np.sin(np.radians(latitude)))
    slope = 9 * _A4 * t**8 + 7 * _A3 * t**6 + 3 * _A2 * t**2 + _A1
    x = 2 * _ROOT3 * np.radians(longitude) * np.cos(t) / (3 * slope)
    return x, _A4 * t**9 + _A3 * t**7 + _A2 * t**3 + _A1 * t


@dataclass(frozen=True, slots=True)
class _Albers:
    """Albers' conic around a middle, and where that part of the map stands."""

    parallels: tuple[float, float]
    meridian: float
    middle: tuple[float, float]
    """Longitude from the meridian, and latitude, of the point that comes to `at`."""
    scale: float
    at: tuple[float, float]

    def __call__(self, longitude: Degrees, latitude: Degrees) -> Plane:
        x, y = self._raw(longitude - self.meridian, latitude)
        x0, y0 = self._raw(np.array(self.middle[0]), np.array(self.middle[1]))
        return self.at[0] + self.scale * (x - x0), self.at[1] - self.scale * (y - y0)

    def _raw(self, east: Degrees, latitude: Degrees) -> Plane:
        first, second = (float(np.sin(np.radians(parallel))) for parallel in self.parallels)
        n = (first + second) / 2
        c = 1 + first * (2 * n - first)
        turn = n * np.radians((east + 180) % 360 - 180)
        reach = np.sqrt(c - 2 * n * np.sin(np.radians(latitude))) / n
        return reach * np.sin(turn), np.sqrt(c) / n - reach * np.cos(turn)


_SCALE = 1_300.0
_X, _Y = 487.5, 305.0
_CONTIGUOUS = _Albers((29.5, 45.5), -96, (-0.6, 38.7), _SCALE, (_X, _Y))
_ALASKA = _Albers((55, 65), -154, (-2, 58.5), 0.35 * _SCALE, (_X - 0.307 * _SCALE, _Y + 0.201 * _SCALE))
_HAWAII = _Albers((8, 18), -157, (-3, 19.9), _SCALE, (_X - 0.205 * _SCALE, _Y + 0.212 * _SCALE))


def united_states(longitude: Degrees, latitude: Degrees) -> Plane:
    """x (right) and y (down) on the map of the states; not a number for places that it does not show."""
    x, y = (np.full(np.shape(longitude), np.nan) for _ in "xy")
    for part, inside in (
        (_CONTIGUOUS, _within(longitude, latitude, (-125, -66.5), (24.3, 49.5))),
        (_ALASKA, _within(longitude, latitude, (-180, -129.9), (51, 72))),
        (_HAWAII, _within(longitude, latitude, (-160.6, -154.5), (18.5, 22.6))),
    ):
        x[inside], y[inside] = part(longitude[inside], latitude[inside])
    return x, y


def _within(
    longitude: Degrees, latitude: Degrees, east: tuple[float, float], north: tuple[float, float]
) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = (
        (longitude >= east[0]) & (longitude <= east[1]) & (latitude >= north[0]) & (latitude <= north[1])
    )
    return held
