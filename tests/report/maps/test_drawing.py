"""Dots on maps."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mailcensus.report.figures.style import save_figure
from mailcensus.report.maps import Area, Dot, draw_map
from mailcensus.report.maps.outlines import world

DUBLIN, CORK, MIAMI = (53.35, -6.26), (51.9, -8.47), (25.76, -80.19)
TITLE = re.compile(r'data-group="([^"]*)"><title>([^<]*)</title>')


def told(dots: list[Dot], area: Area, folder: Path) -> tuple[list[tuple[str, str]], str]:
    figure = draw_map(dots, area, counted="servers")
    assert figure is not None
    svg = save_figure(figure, folder, "a-map")
    ElementTree.fromstring((folder / "a-map.svg").read_text())
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)
    return TITLE.findall(svg), svg


def test_no_dots_are_no_map() -> None:
    assert draw_map([]) is None


def test_dots_of_one_kind_and_place_are_one_with_the_words_of_all(tmp_path: Path) -> None:
    dots = [
        Dot(*DUBLIN, "zeta", 3, "Dublin"),
        Dot(*DUBLIN, "zeta", 2, "Swords"),
        Dot(*CORK, "eta", 1, "Cork"),
    ]
    titles, svg = told(dots, Area.FITTED, tmp_path)
    assert titles == [("zeta", "zeta: 5 servers\nDublin\nSwords"), ("eta", "eta: 1 servers\nCork")]
    assert "zeta (5)" in svg


@pytest.mark.slow
def test_what_the_map_does_not_show_is_counted_below_it(tmp_path: Path) -> None:
    titles, svg = told([Dot(*MIAMI, "a"), Dot(*DUBLIN, "b", 1_200)], Area.UNITED_STATES, tmp_path)
    assert [group for group, _ in titles] == ["a"]
    assert "1,200 servers beyond this map" in svg


@pytest.mark.slow
def test_kinds_beyond_the_palette_are_others(tmp_path: Path) -> None:
    dots = [Dot(*DUBLIN, f"kind {n}", 100 - n) for n in range(12)]
    titles, svg = told(dots, Area.WORLD, tmp_path)
    assert {group for group, _ in titles} == {*(f"kind {n}" for n in range(7)), "others"}
    assert f"others ({sum(100 - n for n in range(7, 12))})" in svg


@pytest.mark.slow
def test_hostile_words_are_shown_and_do_nothing(tmp_path: Path) -> None:
    evil = "</title><script>alert(1)</script>\x00\x1b[31m\u202eevil$x^2$"
    titles, svg = told([Dot(*DUBLIN, evil, 1, evil)], Area.WORLD, tmp_path)
    assert "<script" not in svg
    assert "\x00" not in svg
    assert "\u202e" not in svg
    assert len(titles) == 1


@pytest.mark.parametrize("place", [(-90.0, 180.0), (0.0, -180.0), (-75.1, 123.3), (83.9, 20.0)])
def test_the_world_reaches_as_far_south_as_anybody(place: tuple[float, float]) -> None:
    north, east = place
    assert np.isfinite(world(np.array([[east, north]]), fitted=False).place(east, north)).all()
