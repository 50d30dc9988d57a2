"""The first of several sets to hold an address, against looking through them all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.exclusion_cover import Cover
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges

SIZE = 40
RANGES = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=3).map(Ranges.of)
SETS = st.builds(PrefixSet, RANGES, RANGES)


@pytest.mark.slow
@given(st.lists(SETS, max_size=6), SETS)
def test_each_address_belongs_to_the_first_set_that_holds_it(
    sets: list[PrefixSet], population: PrefixSet
) -> None:
    cover = Cover(sets)
    shares = [0] * len(sets)
    for version in (4, 6):
        for value in range(SIZE + 1):
            owner = next((i for i, some in enumerate(sets) if some.contains_value(version, value)), None)
            assert cover.owner(version, value) == owner
            if owner is not None and population.contains_value(version, value):
                shares[owner] += 1
    assert cover.shares(population) == shares
