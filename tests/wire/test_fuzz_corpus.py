"""What fuzzing has found once (`make fuzz`): every corpus file, whole, in pieces, and one byte at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from fuzz.cutting import Different, at_every_byte, byte_by_byte, check
from fuzz.glass import glass
from fuzz.targets import CORPUS, TARGETS, Target

LONGEST_S = 1.0
LONGEST_OF_SLOW_S = 10.0
MOST_BYTES = 2 << 20
TYPICAL_BYTES = 1_000


@pytest.fixture(autouse=True)
def _under_glass() -> Iterator[None]:
    with glass():
        yield


EACH = pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, id=name, marks=[pytest.mark.slow] if target.is_slow else [])
        for name, target in TARGETS.items()
    ],
)


@EACH
def test_every_input_gives_findings_or_an_outcome_in_time_however_it_is_cut(target: Target) -> None:
    paths = list(target.corpus())
    assert paths
    for path in paths:
        data = path.read_bytes()
        began = time.process_time()
        target(data)
        target(data, byte_by_byte)
        limit_s = LONGEST_OF_SLOW_S if target.is_slow else LONGEST_S
        assert time.process_time() - began < limit_s, path


@EACH
def test_a_typical_input_cut_in_two_at_every_byte_gives_the_same(target: Target) -> None:
    typical = max(
        (path.read_bytes() for path in target.corpus() if path.stat().st_size < TYPICAL_BYTES), key=len
    )
    target(typical, at_every_byte)


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < MOST_BYTES


def test_a_reader_that_minds_how_its_bytes_are_cut_is_found_out() -> None:
    with pytest.raises(Different):
        check(len, b"abcdef", byte_by_byte)
