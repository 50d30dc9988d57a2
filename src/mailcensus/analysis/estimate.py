"""What a simple random sample without replacement says about the whole population.

Wilson's interval holds where the usual one fails: few successes, or none. A sample that is a good part of the
population says more than one of the same size out of an endless population; the correction for that scales the
variance by (N - n) / (N - 1), so the interval of a sample of everybody is a point.

Sources: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927), for
the interval; W. G. Cochran, "Sampling Techniques", 3rd ed. (1977), theorem 3.2, for the variance of a proportion in
a sample without replacement. Putting the second into the first multiplies z squared by (N - n) / (N - 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, sqrt

Z_95 = 1.959963984540054
"""The standard normal quantile of 0.975: 95 % lie within so many standard deviations."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many of a population, by a sample."""

    count: int
    """The best guess: the sample's share of the population, rounded."""
    low: int
    """With `high`: 95 of 100 samples give an interval that holds the true count."""
    high: int


def estimate(successes: int, sample: int, population: int) -> Estimate:
    """How many of a population are like the so many of a sample, with the 95 % interval.

    The interval is widened to whole numbers and never says what the sample has disproved: at least its successes
    are there, and at most everybody but its failures.

    Raises:
        ValueError: the sample is empty or bigger than the population, or has more successes than members.
    """
    if not 0 <= successes <= sample <= population or sample == 0:
        raise ValueError(f"{successes} of a sample of {sample} out of {population}")
    low, high = wilson_interval(successes / sample, sample, population)
    return Estimate(
        round(successes * population / sample),
        max(successes, floor(low * population)),
        min(population - (sample - successes), ceil(high * population)),
    )


def wilson_interval(share: float, sample: int, population: int) -> tuple[float, float]:
    """The 95 % interval of a share found in a sample, corrected for a finite population."""
    correction = (population - sample) / (population - 1) if population > 1 else 0.0
    z_squared = Z_95**2 * correction
    middle = share + z_squared / (2 * sample)
    half = sqrt(z_squared * (share * (1 - share) / sample + z_squared / (4 * sample**2)))
    scale = 1 + z_squared / sample
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
