"""Range arithmetic against Python's own sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.ranges import Ranges

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def members(pairs: list[tuple[int, int]]) -> set[int]:
    return {value for pair in pairs for value in range(*pair)}


def is_in_its_one_form(ranges: Ranges) -> bool:
    edges = [edge for pair in ranges.pairs() for edge in pair]
    return edges == sorted(set(edges))


@given(PAIRS, PAIRS)
def test_the_algebra_is_that_of_sets(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    a, b = Ranges.of(one), Ranges.of(two)
    for result, expected in (
        (a, members(one)),
        (a.union(b), members(one) | members(two)),
        (a.intersect(b), members(one) & members(two)),
        (a.minus(b), members(one) - members(two)),
    ):
        assert members(list(result.pairs())) == expected
        assert result.count == len(expected)
        assert is_in_its_one_form(result)


@given(PAIRS)
def test_members_are_found_by_value_and_by_index(pairs: list[tuple[int, int]]) -> None:
    ranges, expected = Ranges.of(pairs), members(pairs)
    assert [value for value in range(62) if ranges.contains(value)] == sorted(expected)
    assert [ranges.at(index) for index in range(ranges.count)] == sorted(expected)


def test_an_index_outside_is_an_error() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError):
            Ranges.of([(5, 8)]).at(index)


def test_ranges_that_touch_become_one() -> None:
    assert Ranges.of([(4, 8), (0, 4), (9, 9)]) == Ranges.of([(0, 8)])
