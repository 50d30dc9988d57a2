"""The order of asking is a permutation for every size, the same everywhere, and well mixed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.population.permutation import Permutation

SIZES = [*range(50), 97, 255, 256, 257, 1023, 8191, 8192, 8193, 65_536, 99_991, (1 << 18) - 1]


def members(permutation: Permutation, start: int = 0) -> list[int]:
    return [member for _, chunk in permutation.chunks(start) for member in chunk.tolist()]


@pytest.mark.parametrize("n", SIZES)
def test_every_member_comes_exactly_once(n: int) -> None:
    assert sorted(members(Permutation(n, seed=n))) == list(range(n))


@given(st.integers(1, 3000), st.integers(0, 1 << 70))
def test_no_size_or_seed_leaves_gaps_or_doubles(n: int, seed: int) -> None:
    assert sorted(members(Permutation(n, seed))) == list(range(n))


@given(st.integers(1, 20_000), st.data())
def test_an_order_taken_up_again_at_a_position_goes_on_as_it_would_have(n: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, n))
    permutation = Permutation(n, seed=1)
    assert members(permutation, start) == members(permutation)[start:]


@pytest.mark.parametrize("n", [(1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 62) - 57, 1 << 62])
def test_members_of_huge_orders_are_in_range_and_differ(n: int) -> None:
    positions = np.concatenate([np.arange(2000), n - 1 - np.arange(2000)]).astype(np.uint64)
    found = Permutation(n, seed=3).at(positions)
    assert len(set(found.tolist())) == len(positions)
    assert int(found.max()) < n


def test_sizes_beyond_any_sweep_are_refused() -> None:
    for n in (-1, (1 << 62) + 1):
        with pytest.raises(ValueError, match="cannot order"):
            Permutation(n, seed=0)


def test_the_order_of_a_seed_never_changes_between_versions() -> None:
    """A study that is taken up again after an update must find its order; change the number 1 in the key instead."""
    assert members(Permutation(12, seed=2026)) == [10, 2, 4, 1, 11, 6, 9, 8, 5, 7, 3, 0]
    assert Permutation(15_679_216, seed=2026).at(np.arange(4, dtype=np.uint64)).tolist() == [
        12323215,
        9470375,
        13105008,
        3404469,
    ]


def test_another_seed_gives_another_order() -> None:
    assert members(Permutation(1000, seed=1)) != members(Permutation(1000, seed=2))


def test_neighbours_in_the_order_are_no_neighbours_in_the_population() -> None:
    """As in a random order: 1 in n / 256 pairs of neighbours share a /24, and no 200 in a row hold many of one."""
    n = 1 << 20
    networks = np.array(members(Permutation(n, seed=5))) >> 8
    shared = int(np.count_nonzero(networks[1:] == networks[:-1]))
    assert shared < 3 * n // (n >> 8)
    most = max(np.bincount(networks[start : start + 200]).max() for start in range(0, n, 20_011))
    assert most <= 4


def test_members_spread_evenly_over_any_stretch_of_the_order() -> None:
    n, sample = 1_000_003, 50_000
    found = Permutation(n, seed=6).at(np.arange(sample, dtype=np.uint64))
    counts = np.histogram(found, bins=100, range=(0, n))[0]
    chi_squared = float((((counts - sample / 100) ** 2) / (sample / 100)).sum())
    assert chi_squared < 160  # 99 degrees of freedom: more than this 1 time in 10,000
