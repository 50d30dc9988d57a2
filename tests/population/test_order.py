"""The order of asking over real prefix lists: samples, and /24s that never come in bursts."""

from __future__ import annotations

import random
from itertools import chain
from math import exp, lgamma, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.order import AskingOrder
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges


def addresses(order: AskingOrder, start: int = 0) -> list[str]:
    return [ip for _, chunk in order.chunks(start) for ip in chunk]


def a_country(addresses_about: int, seed: int = 7) -> PrefixSet:
    """Blocks of /16 to /24 scattered over IPv4, as a registry hands them out: mostly small ones."""
    draw, pairs, count = random.Random(seed), [], 0
    while count < addresses_about:
        size = 1 << draw.choice((8, 8, 8, 9, 10, 10, 11, 12, 13, 14, 16))
        start = draw.randrange(1 << 24, 1 << 31) & -size
        pairs.append((start, start + size))
        count += size
    return PrefixSet(Ranges.of(pairs))


@given(st.integers(0, 700), st.data())
def test_a_sample_is_the_first_positions_of_the_whole_order(host: int, data: st.DataObject) -> None:
    everyone = PrefixSet.of(["193.1.0.0/23", "193.9.0.0/27", "2a00::/121"])
    allowed = everyone.minus(PrefixSet.of([everyone.address_at(host % everyone.count), "193.1.1.0/25"]))
    positions, start = data.draw(st.integers(0, everyone.count)), data.draw(st.integers(0, everyone.count))
    whole, part = AskingOrder(everyone, allowed, 5), AskingOrder(everyone, allowed, 5, positions)
    targets = [target for chunk in whole.chunks() for target in zip(*chunk, strict=True)]
    expected = [target for target in targets if target[0] < positions]
    assert [target for chunk in part.chunks() for target in zip(*chunk, strict=True)] == expected
    assert part.count == len(expected)
    assert addresses(part, start) == [ip for position, ip in expected if position >= start]


def test_orders_of_other_samples_have_other_names() -> None:
    everyone = PrefixSet.of(["193.1.0.0/24"])
    names = {AskingOrder(everyone, everyone, 1, positions).identity for positions in (None, 1, 2, 256)}
    assert len(names) == 4
    with pytest.raises(ValueError, match="257 positions of 256 addresses"):
        AskingOrder(everyone, everyone, 1, 257)


def test_the_numbers_of_an_order_are_its_ipv4_addresses() -> None:
    everyone = PrefixSet.of(["193.1.0.0/22", "2a00::/120"])
    order = AskingOrder(everyone, everyone.minus(PrefixSet.of(["193.1.2.0/24"])), 3)
    ipv4 = [ip for ip in addresses(order, 40) if ":" not in ip]
    numbers = np.concatenate(list(order.ipv4_numbers(40))).tolist()
    assert numbers == [int.from_bytes(map(int, ip.split("."))) for ip in ipv4]


def test_every_address_of_a_scattered_country_comes_once() -> None:
    everyone = a_country(200_000)
    order = AskingOrder(everyone, everyone, 11)
    numbers = np.sort(np.concatenate(list(order.ipv4_numbers())))
    expected = np.fromiter(chain.from_iterable(range(*pair) for pair in everyone.ipv4.pairs()), np.uint64)
    assert np.array_equal(numbers, expected)


def poisson_tail(mean: float, least: int) -> float:
    """P(X >= least), summed far enough."""
    return sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(least, least + 60))


@pytest.mark.parametrize("window", [147, 1470, 8820])
def test_no_network_comes_in_bursts(window: int) -> None:
    """In no stretch of the order does one /24 come more often than in a random one (1 s, 10 s, 1 min at 147 a second).

    In a random order the count of a full /24 in a window is hypergeometric, bounded by Poisson's tail for the same
    mean (Hoeffding 1963, theorem 4); over all windows and networks the bound below is passed once in 10,000 tests.
    """
    everyone = a_country(1 << 20)
    networks = np.concatenate(list(AskingOrder(everyone, everyone, 2026).ipv4_numbers())) >> np.uint64(8)
    _, numbered = np.unique(networks, return_inverse=True)
    mean = window * 256 / len(networks)
    stretches = range(0, len(numbered) - window, window // 2)
    chances = len(stretches) * (int(numbered.max()) + 1)
    bound = next(k for k in range(2, 200) if poisson_tail(mean, k) * chances < 1e-4)
    most = max(int(np.bincount(numbered[start : start + window]).max()) for start in stretches)
    assert most < bound
