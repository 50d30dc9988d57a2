"""What a sample may be, and how many positions it takes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.sample import Sample

CASES = [
    ("1%", Sample(share=Fraction(1, 100))),
    ("0.25 %", Sample(share=Fraction(1, 400))),
    ("100%", Sample(share=Fraction(1))),
    ("50000", Sample(size=50_000)),
    ("1", Sample(size=1)),
]


@pytest.mark.parametrize(("text", "sample"), CASES)
def test_a_sample_is_a_share_or_a_number(text: str, sample: Sample) -> None:
    assert Sample.parse(text) == sample


@pytest.mark.parametrize(
    "text", ["", "%", "0", "0%", "-1", "101%", "1.5", "1e3", "1%%", "%1", "1%5", "٣", "1_0", ".", "9" * 30]
)
def test_what_is_no_sample_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no sample; write"):
        Sample.parse(text)


@given(st.text())
def test_any_text_is_a_sample_or_refused(text: str) -> None:
    try:
        sample = Sample.parse(text)
    except ValueError:
        return
    assert 1 <= sample.positions(1000) <= 1000


@pytest.mark.parametrize(
    ("text", "population", "positions"),
    [
        ("1%", 18_400_000, 184_000),
        ("33.3%", 1000, 333),
        ("100%", 1 << 62, 1 << 62),
        ("1%", 10, 1),
        ("1%", 0, 0),
        ("50", 49, 49),
        ("50", 0, 0),
        ("50", 51, 50),
    ],
)
def test_a_sample_is_never_more_than_there_is_and_never_nobody(
    text: str, population: int, positions: int
) -> None:
    assert Sample.parse(text).positions(population) == positions
