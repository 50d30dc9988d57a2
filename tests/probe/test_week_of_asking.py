"""A week at the study's rate, 147 connections a second and 88.9 million in all, on a clock that is a number.

All of them would take an hour of CPU. So it is run twice: ten minutes at the full rate with the default limits, and
the whole week with every rate divided by 1,000. The scaled run goes through the same states: the limits of networks
and systems relate to the whole as they do in the study, and connections last as long in relation to the spacing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from mailcensus.study.sections import PolitenessSection
from polite_simulation import Simulation

RATE = 147.0
WEEK_S = 7 * 86_400
SYSTEMS = 40
NETWORKS = 400
"""Few, so that what one gets is near what it may: the study's population has 72,000."""


@dataclass(frozen=True)
class Span:
    """How much is run, and how much slower than the study."""

    length_s: float
    slower: float

    @property
    def connections(self) -> int:
        return round(RATE / self.slower * self.length_s)


@pytest.mark.slow
@pytest.mark.parametrize("span", [Span(600.0, 1.0), Span(WEEK_S, 1000.0)], ids=["full-rate", "whole-week"])
def test_no_limit_is_exceeded_in_any_second_hour_network_or_system(span: Span) -> None:
    limits = PolitenessSection(
        connections_per_s=RATE / span.slower,
        prefix_connections_per_s=2.0 / span.slower,
        as_connections_per_s=10.0 / span.slower,
        in_flight=600,
    )
    simulation = Simulation(limits, timer_lag_s=0.002, as_of=lambda network: network % SYSTEMS or None)
    simulation.run(asked_for(span))
    simulation.check()
    starts = [at for at, _ in simulation.starts]
    assert len(starts) == span.connections
    took_s = starts[-1] - starts[0]
    assert span.length_s <= took_s <= 2 * span.length_s
    assert simulation.most_open["all"] == 600, "the number in flight binds"
    busiest = sum((address >> 8) % SYSTEMS == 1 for _, address in simulation.starts) / took_s
    assert busiest > 0.8 * 10.0 / span.slower, "and so do the limits of systems"


def asked_for(span: Span) -> list[tuple[float, int, float]]:
    """More than the rate allows, a third of it to a tenth of the systems; most peers say nothing until the time-out."""
    chance = random.Random(span.slower)
    requests = []
    for number in range(span.connections):
        at = number * span.slower / (RATE * 1.05)
        network = chance.randrange(NETWORKS)
        if chance.random() < 0.33:
            network -= network % SYSTEMS - chance.randrange(4)
        lasts_s = 5.0 if chance.random() < 0.9 else 0.05
        requests.append((at, network << 8 | chance.randrange(256), lasts_s * span.slower))
    return requests
