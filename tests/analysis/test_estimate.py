"""Intervals against textbook values, against their own promise, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.analysis.estimate import Estimate, estimate, wilson_interval


@pytest.mark.parametrize(
    ("successes", "sample", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statist. Med. 17 (1998),
        # table I, method 3 (score interval without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_out_of_an_endless_population_it_is_wilsons_interval(
    successes: int, sample: int, low: float, high: float
) -> None:
    found = wilson_interval(successes / sample, sample, 10**15)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_a_sample_of_everybody_leaves_nothing_to_guess() -> None:
    assert estimate(7, 1000, 1000) == Estimate(7, 7, 7)
    assert estimate(1, 1, 1) == Estimate(1, 1, 1)
    assert estimate(0, 1, 1) == Estimate(0, 0, 0)


def test_no_hit_in_a_sample_is_not_no_hit_at_all() -> None:
    """One percent of 18.4 million without an answer: there may be hundreds."""
    found = estimate(0, 184_000, 18_400_000)
    assert (found.count, found.low) == (0, 0)
    assert 360 < found.high < 400


@given(st.integers(1, 10**9), st.data())
def test_the_guess_is_inside_and_the_sample_is_never_contradicted(
    population: int, data: st.DataObject
) -> None:
    sample = data.draw(st.integers(1, population))
    successes = data.draw(st.integers(0, sample))
    found = estimate(successes, sample, population)
    assert successes <= found.low <= found.count <= found.high <= population - (sample - successes)


@pytest.mark.parametrize(
    ("population", "true", "sample"), [(20_000, 60, 2000), (5000, 400, 2500), (3000, 1500, 300)]
)
def test_about_95_of_100_intervals_hold_the_truth(population: int, true: int, sample: int) -> None:
    draws = np.random.default_rng(2026).hypergeometric(true, population - true, sample, size=3000)
    found = [estimate(int(draw), sample, population) for draw in draws]
    held = sum(one.low <= true <= one.high for one in found) / len(found)
    assert 0.94 <= held <= 0.97


@pytest.mark.parametrize(("successes", "sample", "population"), [(0, 0, 5), (3, 2, 5), (1, 6, 5), (-1, 2, 5)])
def test_impossible_samples_are_refused(successes: int, sample: int, population: int) -> None:
    with pytest.raises(ValueError, match="out of"):
        estimate(successes, sample, population)
