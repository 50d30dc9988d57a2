"""Could we have seen them: the rule, on records of canaries made by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from mailcensus.analysis.vantage import (
    Ask,
    asks_that_count,
    blindnesses,
    closed_share_upper,
    judge,
    log10_odds,
)

START = datetime(2026, 11, 22, tzinfo=UTC)


def asks(answers: str) -> list[Ask]:
    """One question a second; `+` was answered, `-` was not."""
    return [Ask(START + timedelta(seconds=place), answer == "+") for place, answer in enumerate(answers)]


def pause(since: int | None, began: int, ended: int | None) -> dict[str, datetime | None]:
    times = {"silent_since": since, "began_at": began, "ended_at": ended}
    return {
        name: None if second is None else START + timedelta(seconds=second - 0.5 * (name != "silent_since"))
        for name, second in times.items()
    }


CASES = [
    #  answers           done   verdict
    ("", True, "cannot_tell"),
    ("", False, "cannot_tell"),
    ("+", True, "cannot_tell"),
    ("++", True, "open"),
    ("++", False, "open_so_far"),
    ("--", False, "cannot_tell"),
    ("---", False, "blind"),
    ("---", True, "blind"),
    ("+++++---", False, "blind"),
    ("+++++--", False, "open_so_far"),
    ("++-++-+++", True, "open"),
    ("+------", True, "blind"),
    ("+-", True, "cannot_tell"),
]


@pytest.mark.parametrize(("answers", "done", "verdict"), CASES)
def test_the_verdict_is_that_of_the_rule(answers: str, done: bool, verdict: str) -> None:
    assert judge(asks(answers), done=done) == verdict


def test_the_odds_are_the_ratio_of_two_likelihoods() -> None:
    for count in range(30):
        for answered in range(count + 1):
            ratio = binom.pmf(answered, count, 0.9) / binom.pmf(answered, count, 0.01)
            assert math.isclose(log10_odds(count, answered), math.log10(ratio), abs_tol=1e-6)


@given(st.integers(1, 2_000), st.data())
def test_the_upper_end_is_where_the_record_becomes_unlikely(count: int, data: st.DataObject) -> None:
    answered = data.draw(st.integers(0, count))
    upper = closed_share_upper(count, answered)
    assert upper is not None
    if answered:
        assert math.isclose(binom.cdf(count - answered, count, upper), 0.05, rel_tol=1e-6)
    else:
        assert upper == 1.0


def test_no_silence_at_all_is_the_rule_of_three() -> None:
    assert closed_share_upper(1_000, 1_000) == pytest.approx(3 / 1_000, rel=0.01)
    assert closed_share_upper(0, 0) is None


def test_times_that_were_made_up_for_count_only_while_discovery_is_not_done() -> None:
    record = asks("++----++")
    blind = blindnesses(record, [pause(1, 4, 7)])
    assert [ask.answered for ask in asks_that_count(record, blind, done=True)] == [True] * 3
    unended = blindnesses(asks("++----"), [pause(1, 4, None)])
    assert len(asks_that_count(asks("++----"), unended, done=False)) == 6


def test_a_pause_that_a_kill_ended_lasts_until_a_canary_answers_in_the_next_session() -> None:
    record = asks("++--------+++")
    blind = blindnesses(record, [pause(1, 4, None)])
    counted = asks_that_count(record, blind, done=True)
    assert [ask.answered for ask in counted] == [True] * 5


def test_a_pause_from_the_very_start_is_set_aside_too() -> None:
    record = asks("----+++")
    assert len(asks_that_count(record, blindnesses(record, [pause(None, 0, 5)]), done=True)) == 2
