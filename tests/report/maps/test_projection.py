"""Projections against published values, and against the outlines of the states, which others projected."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

from mailcensus.report.maps.projection import equal_earth, united_states
from mailcensus.report.maps.topology import rings_of

CAPITALS = {  # degrees east and north, of the city
    "Alabama": (-86.30, 32.38), "Alaska": (-134.42, 58.30), "Arizona": (-112.07, 33.45),
    "California": (-121.49, 38.58), "Colorado": (-104.99, 39.74), "Florida": (-84.28, 30.44),
    "Georgia": (-84.39, 33.75), "Hawaii": (-157.85, 21.32), "Idaho": (-116.20, 43.62),
    "Kansas": (-95.68, 39.05), "Louisiana": (-91.19, 30.46), "Maine": (-69.78, 44.31),
    "Massachusetts": (-71.10, 42.35), "Michigan": (-84.56, 42.73), "Minnesota": (-93.09, 44.95),
    "Montana": (-112.03, 46.59), "Nevada": (-119.77, 39.16), "New Mexico": (-105.94, 35.69),
    "New York": (-73.76, 42.65), "North Dakota": (-100.78, 46.81), "Ohio": (-83.00, 39.96),
    "Oklahoma": (-97.52, 35.47), "Texas": (-97.74, 30.27), "Utah": (-111.89, 40.76),
    "Vermont": (-72.58, 44.26), "Washington": (-122.90, 47.04), "Wisconsin": (-89.38, 43.07),
    "Wyoming": (-104.82, 41.14),
}  # fmt: skip


def test_the_capital_of_a_state_lies_in_its_outline_and_in_no_other() -> None:
    rings = rings_of("states-albers-10m.json", "states")
    for state, (east, north) in CAPITALS.items():
        x, y = united_states(np.array([east]), np.array([north]))
        held = {name for name, ring in rings if Path(ring).contains_point((x[0], y[0]))}
        assert held == {state}


def test_places_that_the_map_of_the_states_does_not_show_have_no_point() -> None:
    x, _ = united_states(
        np.array([-66.1, -6.3, 144.8]), np.array([18.4, 53.3, 13.4])
    )  # San Juan, Dublin, Guam
    assert np.isnan(x).all()


def test_equal_earth_is_as_wide_and_high_as_its_authors_say_and_keeps_areas() -> None:
    x, _ = equal_earth(np.array(180.0), np.array(0.0))
    _, y = equal_earth(np.array(0.0), np.array(90.0))
    assert float(x) == pytest.approx(2.7066, abs=1e-4)
    assert float(y) == pytest.approx(1.3173, abs=1e-4)
    assert float(x / y) == pytest.approx(2.05458, abs=1e-4)
    side = np.linspace(-np.pi / 2, np.pi / 2, 2001)
    width, height = equal_earth(np.full(2001, 180.0), np.degrees(side))
    area = 2 * np.trapezoid(width, height) if hasattr(np, "trapezoid") else 2 * np.trapz(width, height)
    assert float(area) == pytest.approx(4 * np.pi, rel=1e-4)  # that of the sphere of radius 1
