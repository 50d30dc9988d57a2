"""The map of a study's hosts, out of the table `host_locations`."""

from __future__ import annotations

import pyarrow as pa
from matplotlib.figure import Figure

from mailcensus.report.maps.drawing import Dot, area_of, draw_map

KINDS = ("share a key with another host", "show keys of their own alone", "show no key")


def host_map(table: pa.Table) -> Figure | None:
    """Hosts by place, coloured by whether they share keys."""
    dots = []
    for row in table.to_pylist():
        counts = (row["sharing"], row["known"] - row["sharing"], row["hosts"] - row["known"])
        place = ", ".join(filter(None, (row["city"], row["region"], row["country"])))
        dots += [
            Dot(row["latitude"], row["longitude"], kind, count, place)
            for kind, count in zip(KINDS, counts, strict=True)
            if count
        ]
    return draw_map(dots, area_of(dots), counted="hosts", kinds=KINDS)
