"""Maps that need no network: dots on the world, on the United States, or on the part of the world that they fill."""

from mailcensus.report.maps.drawing import Area, Dot, area_of, draw_map

__all__ = ["Area", "Dot", "area_of", "draw_map"]
