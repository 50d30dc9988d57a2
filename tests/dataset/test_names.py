"""A set of names that may grow to hundreds of millions."""

import hashlib
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mailcensus.dataset.names import Names, name_of


@given(st.lists(st.binary(min_size=1, max_size=2)))
def test_it_is_a_set(told: list[bytes]) -> None:
    names, known = Names(), set[bytes]()
    for name in map(_digest, told):
        assert names.add(name) == (name not in known)
        known.add(name)
    assert len(names) == len(known)
    assert all(name in names for name in known)
    assert _digest(b"never told") not in names


@given(st.lists(st.integers(0, 2), min_size=32, max_size=200))
def test_what_stands_across_two_names_is_none(digits: list[int]) -> None:
    """Names of few different bytes, all in one place, as no digests are."""
    text = bytes(digits)
    told = [bytes(2) + text[at : at + 14] for at in range(0, len(text) - 13, 14)]
    names = Names(told)
    for at in range(len(text) - 13):
        name = bytes(2) + text[at : at + 14]
        assert (name in names) == (name in told)


def test_a_hundred_thousand_names_more_take_few_bytes_each() -> None:
    names = Names(_digest(number.to_bytes(4)) for number in range(100_000))
    tracemalloc.start()
    try:
        for number in range(100_000, 200_000):
            names.add(_digest(number.to_bytes(4)))
        more, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert more / 100_000 < 60  # of these 14 stay, the rest is shared by all in one place


def test_texts_have_names_of_their_own() -> None:
    assert len(Names(map(name_of, ("192.0.2.1 25 False", "192.0.2.1 25 True", "192.0.2.1 25 False")))) == 2


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
