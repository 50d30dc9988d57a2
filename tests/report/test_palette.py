"""Colours and dashes of port pairs."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest

from mailcensus.report.palette import SERVICES, stroke_of

SEVEN = SERVICES[:7]


def test_the_28_pairs_of_the_first_seven_services_all_look_different() -> None:
    strokes = {stroke_of(*pair) for pair in combinations_with_replacement(SEVEN, 2)}
    assert len(strokes) == 28


@pytest.mark.parametrize(("one", "other"), list(product((*SERVICES, "unheard-of"), repeat=2)))
def test_direction_makes_no_difference(one: str, other: str) -> None:
    assert stroke_of(one, other) == stroke_of(other, one)


def test_a_service_with_itself_is_solid_and_any_other_pair_is_dashed() -> None:
    for one, other in combinations_with_replacement(SEVEN, 2):
        assert (stroke_of(one, other).dash == ()) == (one == other)


def test_published_colours_stay() -> None:
    assert stroke_of("ssh", "ssh").colour == "#0072b2"
    assert stroke_of("smtp", "smtp").colour == "#009e73"
    assert stroke_of("ssh", "smtp") == stroke_of("smtp", "ssh")
