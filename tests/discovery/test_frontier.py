"""The checkpoint of a sweep never passes anybody who is not done with."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mailcensus.discovery.frontier import Frontier


@given(st.sets(st.integers(0, 60)), st.integers(0, 60), st.integers(1, 9), st.randoms(use_true_random=False))
def test_the_checkpoint_is_the_lowest_position_not_done_with(
    skipped: set[int], start: int, most_out: int, chance: random.Random
) -> None:
    positions = [position for position in range(start, 61) if position not in skipped]
    frontier = Frontier(((position, f"ip{position}") for position in positions), start, 61)
    out: list[int] = []
    done: set[int] = set()
    exhausted = False
    before = start
    while not exhausted or out:
        if not exhausted and len(out) < most_out and (not out or chance.random() < 0.6):
            target = frontier.take()
            exhausted = target is None
            if target is not None:
                out.append(target[0])
        else:
            position = out.pop(chance.randrange(len(out)))
            frontier.done(position)
            done.add(position)
        assert before <= frontier.checkpoint
        before = frontier.checkpoint
        assert all(position in done for position in positions if position < frontier.checkpoint)
        assert frontier.checkpoint <= frontier.count + len(out)
    assert frontier.checkpoint == frontier.count == 61


def test_a_frontier_without_targets_is_done_with_at_once() -> None:
    frontier = Frontier(iter([]), 5, 20)
    assert frontier.checkpoint == 5
    assert frontier.take() is None
    assert frontier.checkpoint == frontier.count == 20
