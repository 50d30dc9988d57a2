"""Batch GCD against pairs of math.gcd, and against numbers that nobody should have as a modulus."""

from __future__ import annotations

import math
from itertools import combinations

import gmpy2
import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.facts.batch_gcd import MODULUS_BITS_MAX, SharedFactor, common_parts, find_shared

PRIMES = [int(gmpy2.next_prime((1 << 64) + 1_000_003 * n)) for n in range(12)]
A, B, C, D, E, F = PRIMES[:6]


@given(
    st.lists(st.integers(1, 3000), unique=True, min_size=1, max_size=40),
    st.sampled_from([1, 11, 40, 1 << 20]),
)
def test_common_parts_are_those_of_pairs_with_any_chunks(numbers: list[int], chunk_bits: int) -> None:
    naive = [math.gcd(n, math.prod(numbers[:i] + numbers[i + 1 :])) for i, n in enumerate(numbers)]
    assert common_parts([mpz(n) for n in numbers], chunk_bits=chunk_bits) == naive


@st.composite
def _moduli(draw: st.DrawFn) -> list[int]:
    """Products of two or three different primes out of few, equal ones too."""
    some = st.lists(st.sampled_from(PRIMES), min_size=2, max_size=3, unique=True)
    return [math.prod(draw(some)) for _ in range(draw(st.integers(0, 14)))]


@pytest.mark.slow
@given(_moduli(), st.sampled_from([1, 300, 1 << 20]))
def test_every_pair_that_shares_a_prime_is_found_and_no_other(moduli: list[int], chunk_bits: int) -> None:
    found = find_shared(moduli, chunk_bits=chunk_bits)
    common: dict[tuple[int, int], int] = {}
    for shared in found.shared:
        assert all(moduli[place] % shared.factor == 0 for place in shared.places)
        for pair in combinations(shared.places, 2):
            common[pair] = common.get(pair, 1) * shared.factor
    naive = {
        (a, b): math.gcd(moduli[a], moduli[b])
        for a, b in combinations(range(len(moduli)), 2)
        if math.gcd(moduli[a], moduli[b]) > 1
    }
    only_equal = {pair for pair in naive if moduli[pair[0]] == moduli[pair[1]]} - common.keys()
    assert common.keys() == naive.keys() - only_equal
    for (a, b), factor in common.items():
        assert moduli[a] == moduli[b] or factor == naive[a, b]
    assert {pair for own in found.equal for pair in combinations(own, 2)} == {
        pair for pair in naive if moduli[pair[0]] == moduli[pair[1]]
    }


def test_a_prime_in_many_moduli_is_one_factor_with_all_of_them() -> None:
    found = find_shared([A * B, C * D, A * E, A * F])
    assert found.shared == (SharedFactor(A, (0, 2, 3)),)


def test_moduli_whose_two_primes_are_both_shared_come_apart() -> None:
    """As with the nine primes of IBM's cards (Mining your Ps and Qs, section 4.1): every pair of them."""
    found = find_shared([A * B, B * C, A * C])
    assert {(one.factor, one.places) for one in found.shared} == {(A, (0, 2)), (B, (0, 1)), (C, (1, 2))}


def test_equal_moduli_share_nothing_but_themselves() -> None:
    found = find_shared([A * B, A * B, C * D])
    assert found.shared == ()
    assert found.equal == ((0, 1),)


def test_small_primes_are_told_apart_from_shared_ones() -> None:
    found = find_shared([6 * A, 10 * B, 3 * C, 65_521 * D, 1 << 4_000])
    assert found.shared == ()
    assert found.small == {0: 6, 1: 10, 2: 3, 3: 65_521, 4: 1 << 4_000}


def test_moduli_that_differ_in_small_primes_alone_have_the_rest_in_common() -> None:
    assert find_shared([6 * A * B, 10 * A * B]).shared == (SharedFactor(A * B, (0, 1)),)


@pytest.mark.parametrize(
    "number",
    [0, 1, -15, 1 << 65_535, (1 << MODULUS_BITS_MAX) + 1],
    ids=["0", "1", "-15", "2^65535", "2^16384+1"],
)
def test_what_is_no_modulus_is_passed_over_and_said(number: int) -> None:
    found = find_shared([A * B, number, A * C])
    assert found.passed_over == (1,)
    assert found.shared == (SharedFactor(A, (0, 2)),)


@pytest.mark.parametrize("chunk_bits", [256, 1 << 20])
def test_progress_counts_up_to_all_steps(chunk_bits: int) -> None:
    told: list[tuple[int, int]] = []
    numbers = [int(gmpy2.next_prime(1 << 64)) + 2 * n for n in range(37)]
    find_shared(numbers, chunk_bits=chunk_bits, report=lambda done, steps: told.append((done, steps)))
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_nothing_is_found_in_nothing() -> None:
    found = find_shared([])
    assert (found.shared, found.equal, found.small, found.passed_over) == ((), (), {}, ())
