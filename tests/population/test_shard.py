"""Shards are disjoint, together complete, keep networks whole, and are the same everywhere."""

from __future__ import annotations

import ipaddress
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.order import AskingOrder
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges
from mailcensus.population.shard import Shard

MOST_IPV4 = (1 << 32) - 1
ODD_COUNTS = (1, 2, 3, 5, 7, 31, 64)


def ranges(most: int, widest: int) -> st.SearchStrategy[Ranges]:
    """A few ranges of any sizes at any places, so that they begin and end inside networks too."""
    pair = st.tuples(st.integers(0, most - widest), st.integers(1, widest)).map(
        lambda pair: (pair[0], sum(pair))
    )
    return st.lists(pair, max_size=8).map(Ranges.of)


POPULATIONS = st.builds(PrefixSet, ranges(MOST_IPV4, 5000), ranges((1 << 128) - 1, 1 << 82))


def shards(population: PrefixSet, count: int) -> list[PrefixSet]:
    return [Shard(number, count).of(population) for number in range(1, count + 1)]


@given(POPULATIONS, st.integers(1, 40))
def test_the_shards_of_any_population_are_disjoint_and_complete(population: PrefixSet, count: int) -> None:
    parts = shards(population, count)
    assert reduce(PrefixSet.union, parts) == population
    assert sum(part.count for part in parts) == population.count


@given(st.integers(0, MOST_IPV4), st.integers(0, (1 << 128) - 1), st.integers(2, 12))
def test_a_network_is_in_one_shard_whatever_the_population_is(ipv4: int, ipv6: int, count: int) -> None:
    def shard_of(population: PrefixSet) -> set[int]:
        return {place for place, part in enumerate(shards(population, count)) if part.count}

    for version, value, bits in ((4, ipv4, 8), (6, ipv6, 80)):
        start = value >> bits << bits
        whole = PrefixSet.of_parsed([(version, start, start + (1 << bits))])
        host = PrefixSet.of_parsed([(version, value, value + 1)])
        assert len(shard_of(whole)) == 1
        assert shard_of(host) == shard_of(whole)


@pytest.mark.parametrize("count", ODD_COUNTS)
def test_shards_are_equal_up_to_chance(count: int) -> None:
    """2**14 networks: each shard has its share within five standard deviations of a fair draw."""
    population = PrefixSet.of(["11.0.0.0/10"])
    share = (1 << 14) / count
    for part in shards(population, count):
        assert abs(part.count / 256 - share) <= 5 * share**0.5


@pytest.mark.parametrize("count", [3, 7])
def test_the_orders_of_all_shards_together_ask_everyone_once(count: int) -> None:
    population = PrefixSet.of(["193.1.0.0/19", "193.9.7.13", "2a00::/117", "2a00:0:1::25"])
    asked = [
        ip
        for part in shards(population, count)
        for _, chunk in AskingOrder(part, part, seed=count).chunks()
        for ip in chunk
    ]
    assert len(asked) == len(set(asked)) == population.count
    assert PrefixSet.of(asked) == population
    networks: dict[str, set[int]] = {}
    for number, part in enumerate(shards(population, count)):
        for network in ipaddress.ip_network("193.1.0.0/19").subnets(new_prefix=24):
            if part.contains(str(network[9])):
                networks.setdefault(str(network), set()).add(number)
    assert len(networks) == 32
    assert all(len(numbers) == 1 for numbers in networks.values())


def test_the_shard_of_a_network_never_changes_between_versions() -> None:
    """Vantages of different versions would ask somebody twice; nothing could mend that."""
    found = {
        prefix: next(number for number in range(1, 5) if Shard(number, 4).of(PrefixSet.of([prefix])).count)
        for prefix in ("192.0.3.0/24", "198.51.100.0/24", "198.51.101.0/24", "2001:db8::/120", "3fff::1")
    }
    assert list(found.values()) == [3, 2, 1, 4, 1]


def test_the_only_shard_is_the_whole() -> None:
    population = PrefixSet.of(["192.0.2.0/24"])
    assert Shard(1, 1).of(population) is population


@pytest.mark.parametrize(("text", "shard"), [("1/1", Shard(1, 1)), ("2/8", Shard(2, 8))])
def test_shards_are_written_as_number_and_count(text: str, shard: Shard) -> None:
    assert Shard.parse(text) == shard
    assert str(shard) == text


@pytest.mark.parametrize(
    "text", ["", "1", "/", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/65537", "1/٤", "²/4"]
)
def test_what_is_no_shard_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no shard; write"):
        Shard.parse(text)
