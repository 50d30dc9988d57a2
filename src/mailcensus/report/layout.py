"""Where the hosts and keys of a cluster stand in its drawing.

Most of a cluster is sameness: hosts that show exactly the same keys, keys that are shown by exactly the same
hosts. Each such group gets one place in a tree of groups, drawn as a balloon tree (each group's children on rings
around it); its members then stand on a ring or, when many, in a sunflower disc around that place. This is linear
in the number of groups, never lets two discs overlap, and puts a key in the middle of the hosts that show it; a
cluster of 2,000 clones is two groups. Force-directed layouts were tried and gave worse drawings, more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

Point = tuple[float, float]
Link = tuple[int, int]
Points = NDArray[np.float64]

SPACING = 58.0
"""Distance between neighbouring members of a group, in the drawing's pixels."""
RING_MAX = 60
"""Larger groups stand in a disc instead of on a ring."""
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def diameter(weight: int) -> float:
    """Diameter of the node that stands for `weight` hosts: its area grows with them, up to a point."""
    return min(18.0 + 7.0 * math.sqrt(weight - 1), 190.0)


def host_diameter(services: int) -> float:
    """Diameter of a single host's node: it grows with the services on which it showed a key, up to a point."""
    return min(15.0 + 3.0 * services, 42.0)


@dataclass(frozen=True, slots=True)
class Blob:
    """A group of members that stand together, as a disc of the graph of groups."""

    size: int
    weight: int = 1
    """Hosts that its one member stands for."""

    @property
    def radius(self) -> float:
        """Radius of the group's drawing, in pixels, half a spacing of air included."""
        if self.size == 1:
            return diameter(self.weight) / 2 + SPACING / 4
        if self.size <= RING_MAX:
            return max(SPACING * self.size / (2 * math.pi), SPACING * 0.6) + SPACING / 2
        return SPACING * 0.56 * math.sqrt(self.size) + SPACING


def place(blobs: Sequence[Blob], parents: Sequence[int | None]) -> Sequence[Sequence[Point]]:
    """Positions of every member of every blob.

    Args:
        blobs: the groups.
        parents: for each blob the blob it stands around; None: the one in the middle.
    Returns:
        For each blob, one (x, y) in pixels for each of its members.
    """
    return _place(tuple(blobs), tuple(parents))


@lru_cache(maxsize=4096)
def _place(blobs: tuple[Blob, ...], parents: tuple[int | None, ...]) -> Sequence[Sequence[Point]]:
    """Clusters of one shape are many, and are laid out once."""
    if len(blobs) == 1:
        return [members(blobs[0].size)]
    return _hub(blobs) if len(blobs) == 2 else _balloon(blobs, parents)


def tree(count: int, links: Sequence[Link], root: int) -> list[int | None]:
    """Parents of a breadth-first tree over linked blobs; what the root does not reach stands around it too."""
    ends = np.array(links, dtype=np.int32).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count)).tocsr()
    _, found = breadth_first_order(graph, root, directed=False)
    parents: list[int | None] = [int(parent) if parent >= 0 else root for parent in found]
    parents[root] = None
    return parents


def members(size: int) -> list[Point]:
    """Positions of `size` members around (0, 0): a ring, or a sunflower disc (Vogel 1979) when many."""
    if size == 1:
        return [(0.0, 0.0)]
    if size <= RING_MAX:
        return ring(size, Blob(size).radius - SPACING / 2)
    scale = SPACING * 0.56
    return [_polar(scale * math.sqrt(i + 0.5), i * _GOLDEN_ANGLE) for i in range(size)]


def ring(size: int, radius: float) -> list[Point]:
    """`size` points on a circle, the first at the top."""
    return [_polar(radius, 2 * math.pi * i / size - math.pi / 2) for i in range(size)]


def _hub(blobs: Sequence[Blob]) -> list[list[Point]]:
    """Two groups: the smaller in the middle, the larger around it."""
    inner, outer = (0, 1) if blobs[0].size <= blobs[1].size else (1, 0)
    placed: list[list[Point]] = [[], []]
    placed[inner] = members(blobs[inner].size)
    size, hole = blobs[outer].size, blobs[inner].radius + SPACING
    if size <= 2:
        reach = hole + blobs[outer].radius
        placed[outer] = [(reach, 0.0), (-reach, 0.0)][:size]
    elif size <= RING_MAX:
        placed[outer] = ring(size, max(hole + SPACING / 2, Blob(size).radius))
    else:
        skipped = (hole / (SPACING * 0.56)) ** 2
        placed[outer] = [
            _polar(SPACING * 0.56 * math.sqrt(skipped + i), i * _GOLDEN_ANGLE) for i in range(size)
        ]
    return [[(round(x, 1), round(y, 1)) for x, y in points] for points in placed]


def _balloon(blobs: Sequence[Blob], parents: Sequence[int | None]) -> Sequence[Sequence[Point]]:
    children: list[list[int]] = [[] for _ in blobs]
    for i, parent in enumerate(parents):
        if parent is not None:
            children[parent].append(i)
    root = parents.index(None)
    order = [root]
    for i in order:
        order += children[i]
    offsets = np.zeros((len(blobs), 2))
    reach = np.zeros(len(blobs))
    for i in reversed(order):
        own = sorted(children[i], key=reach.__getitem__)
        offsets[own], reach[i] = _rings(blobs[i].radius, reach[own])
    for i in order:
        offsets[children[i]] += offsets[i]
    return _with_members(blobs, offsets)


def _rings(inner: float, radii: Points) -> tuple[Points, float]:
    """Places on rings around a disc for discs in order of rising radius, and how far it all reaches."""
    centres: list[Point] = []
    reach = inner
    inner += SPACING / 2
    while len(centres) < len(radii):
        rest = radii[len(centres) :]
        fits = _fitting(inner, rest)
        radius = inner + float(rest[fits - 1])
        angles = 2 * np.arcsin(rest[:fits] / radius)
        share = angles + (2 * math.pi - angles.sum()) / fits
        middles = np.cumsum(share) - share / 2 - math.pi / 2
        centres += [_polar(radius, float(angle)) for angle in middles]
        reach = inner = radius + float(rest[fits - 1])
    return np.array(centres).reshape(-1, 2), reach


def _fitting(inner: float, radii: Points) -> int:
    """How many of the discs, smallest first, fit on the ring that the last of them needs."""
    fits = 1
    while fits < len(radii):
        angles = 2 * np.arcsin(radii[: fits + 1] / (inner + radii[fits]))
        if float(angles.sum()) > 2 * math.pi:
            break
        fits += 1
    return fits


def _with_members(blobs: Sequence[Blob], centres: Points) -> Sequence[Sequence[Point]]:
    return [
        [(round(float(x) + dx, 1), round(float(y) + dy, 1)) for dx, dy in members(blob.size)]
        for blob, (x, y) in zip(blobs, centres, strict=True)
    ]


def _polar(radius: float, angle: float) -> Point:
    return (radius * math.cos(angle), radius * math.sin(angle))
