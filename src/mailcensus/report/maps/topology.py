"""Outlines out of the TopoJSON files that come with us.

Source: "The TopoJSON Format Specification" 1.0, sections 2.1.3 (arcs: quantised, each point relative to the one
before) and 2.1.4 (a negative index means the arc of its complement, backwards; shared ends stand in both).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
"""Shape (n, 2): longitude and latitude in degrees, or x and y where the file is projected already."""


@cache
def rings_of(file: str, layer: str) -> tuple[tuple[str, Ring], ...]:
    """Every ring of a layer of one of our files, with the name of what it bounds."""
    topology = json.loads((resources.files(__package__) / "data" / file).read_text(encoding="utf-8"))
    arcs = _arcs(topology)
    return tuple(
        (shape["properties"]["name"], np.concatenate([_arc(arcs, index) for index in indices]))
        for shape in topology["objects"][layer]["geometries"]
        for indices in _rings(shape)
    )


def _arcs(topology: dict[str, Any]) -> list[Ring]:
    scale, shift = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    return [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]


def _rings(shape: dict[str, Any]) -> Iterator[Sequence[int]]:
    """Polygons are lists of rings, multi-polygons lists of polygons."""
    for polygon in [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]:
        yield from polygon


def _arc(arcs: Sequence[Ring], index: int) -> Ring:
    return arcs[index] if index >= 0 else arcs[~index][::-1]
