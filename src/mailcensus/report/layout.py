"""Where the hosts and keys of a cluster stand in its drawing.

Most of a cluster is sameness: hosts that show exactly the same keys, keys that are shown by exactly the same
hosts. Each such group gets one place in a small graph of groups, laid out by networkx (Kamada and Kawai 1989, or
a spring embedder when there are many groups); its members then stand on a ring or, when many, in a sunflower
disc around that place. A cluster of 2,000 clones is two groups, and is drawn in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Points = NDArray[np.float64]

SPACING = 58.0
"""Distance between neighbouring members of a group, in the drawing's pixels."""
RING_MAX = 60
"""Larger groups stand in a disc instead of on a ring."""
_KAMADA_KAWAI_MAX = 120
_RELAX_ROUNDS_MAX = 200
_RELAX_WORK = 2e7
"""Pairs of groups looked at in all rounds together, so that a drawing takes seconds at worst."""
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def diameter(weight: int) -> float:
    """Diameter of the node that stands for `weight` hosts: its area grows with them, up to a point."""
    return min(18.0 + 7.0 * math.sqrt(weight - 1), 190.0)


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


def place(blobs: Sequence[Blob], links: Sequence[tuple[int, int]]) -> list[list[Point]]:
    """Positions of every member of every blob.

    Args:
        blobs: the groups.
        links: pairs of blob numbers that are joined; together they join all blobs.
    Returns:
        For each blob, one (x, y) in pixels for each of its members.
    """
    if len(blobs) == 1:
        return [members(blobs[0].size)]
    if len(blobs) == 2:
        return _hub(blobs)
    centres = _centres(blobs, links)
    return [
        [(round(x + dx, 1), round(y + dy, 1)) for dx, dy in members(blob.size)]
        for blob, (x, y) in zip(blobs, centres, strict=True)
    ]


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


def _centres(blobs: Sequence[Blob], links: Sequence[tuple[int, int]]) -> Points:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(blobs)))
    for one, other in links:
        graph.add_edge(one, other, length=blobs[one].radius + blobs[other].radius + SPACING)
    radii = np.array([blob.radius for blob in blobs])
    return _apart(_to_scale(_embedded(graph), graph), radii)


def _embedded(graph: nx.Graph) -> Points:
    count = graph.number_of_nodes()
    circle: Mapping[int, Point] = dict(enumerate(ring(count, count * SPACING / 2)))
    if count <= _KAMADA_KAWAI_MAX:
        found = nx.kamada_kawai_layout(graph, pos=circle, weight="length")
    else:
        found = nx.spring_layout(graph, pos=circle, seed=1, iterations=60)
    return np.array([found[i] for i in range(count)], dtype=np.float64)


def _to_scale(points: Points, graph: nx.Graph) -> Points:
    """The embedders return a unit square: stretch it until the middle link has the length it asked for."""
    stretches = [
        length / max(float(np.hypot(*(points[one] - points[other]))), 1e-6)
        for one, other, length in graph.edges(data="length")
    ]
    return points * float(np.median(stretches))


def _apart(centres: Points, radii: Points) -> Points:
    """Push discs that overlap apart, a little each round."""
    reach = radii[:, None] + radii[None, :]
    np.fill_diagonal(reach, 0.0)
    rounds = min(_RELAX_ROUNDS_MAX, int(_RELAX_WORK / len(centres) ** 2))
    for _ in range(rounds):
        offsets = centres[:, None, :] - centres[None, :, :]
        distances = np.hypot(offsets[..., 0], offsets[..., 1])
        overlaps = np.clip(reach - distances, 0.0, None)
        if float(overlaps.max()) < 1.0:
            break
        directions = offsets / np.maximum(distances, 1e-6)[..., None]
        centres = centres + (directions * overlaps[..., None]).sum(axis=1) * 0.35
    return centres


def _polar(radius: float, angle: float) -> Point:
    return (radius * math.cos(angle), radius * math.sin(angle))
