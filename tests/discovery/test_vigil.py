"""What the answers of canaries mean."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mailcensus.discovery.responders import Responder
from mailcensus.discovery.vigil import Finding, Vigil

A, B, C = (Responder(f"192.0.2.{number}", 25) for number in (1, 2, 3))
AT = datetime(2026, 11, 22, tzinfo=UTC)


def vigil(*canaries: Responder, silent_after: int = 2, trusted: int = 0) -> Vigil:
    return Vigil(canaries, silent_after=silent_after, rest_s=5.0, trusted=trusted)


def test_a_position_is_trusted_when_a_canary_answered_after_it() -> None:
    watch = vigil(A, trusted=100)
    watch.heard(A, True, 500, AT)
    assert (watch.trusted, watch.last_answer_at) == (500, AT)
    watch.heard(A, False, 900, AT)
    assert watch.trusted == 500
    watch.heard(A, True, 1_000, AT)
    assert watch.trusted == 1_000


def test_an_answer_that_comes_late_takes_no_trust_back() -> None:
    watch = vigil(A, B)
    watch.heard(B, True, 500, AT)
    watch.heard(A, True, 400, AT)
    assert watch.trusted == 500


def test_only_silences_in_a_row_are_reason_to_doubt() -> None:
    watch = vigil(A, B)
    for answered in (False, True, False):
        watch.heard(A, answered, 0, AT)
    assert not watch.doubtful
    watch.heard(B, False, 0, AT)
    assert watch.doubtful


def test_canaries_take_turns_and_rest() -> None:
    watch = vigil(A, B)
    assert watch.next(0.0) == A
    watch.asked(A, 0.0)
    assert watch.next(0.0) == B
    watch.asked(B, 1.0)
    assert watch.next(4.9) is None
    assert watch.next(5.0) == A
    assert watch.rested_in_s(B, 5.0) == 1.0


def test_nobody_answers_the_roll_call_the_vantage_is_blind_until_somebody_does() -> None:
    watch = vigil(A, B)
    watch.heard(A, True, 300, AT)
    for canary in (A, B):
        watch.heard(canary, False, 700, AT)
    assert watch.roll_call([], 900, AT) is Finding.BLIND
    assert watch.roll_call([B], 300, AT) is Finding.WAS_BLIND
    assert (watch.trusted, watch.doubtful) == (300, False)
    assert watch.roll_call([A, B], 400, AT) is Finding.OPEN


def test_one_that_was_silent_and_answers_again_says_we_were_blind() -> None:
    watch = vigil(A, B)
    watch.heard(A, True, 300, AT)
    for _ in range(2):
        watch.heard(A, False, 700, AT)
    assert watch.roll_call([A, B], 900, AT) is Finding.WAS_BLIND
    assert watch.trusted == 300


def test_one_that_is_down_while_others_answer_leaves_the_rotation_until_it_is_heard() -> None:
    watch = vigil(A, B)
    for _ in range(2):
        watch.heard(A, False, 700, AT)
    assert watch.roll_call([B], 900, AT) is Finding.OPEN
    assert watch.trusted == 900
    assert [watch.next(float(now)) for now in range(2)] == [B, B]
    watch.roll_call([A, B], 1_000, AT)
    assert {watch.next(10.0), watch.next(10.0)} == {A, B}


def test_the_first_roll_call_may_find_a_blind_vantage() -> None:
    watch = vigil(A)
    assert watch.roll_call([], 0, AT) is Finding.BLIND
    assert watch.last_answer_at is None
    assert watch.roll_call([A], 0, AT) is Finding.WAS_BLIND


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))), st.integers(1, 4))
def test_trust_never_passes_what_was_done_when_a_canary_that_answered_was_asked(
    answers: list[tuple[bool, int]], silent_after: int
) -> None:
    watch = vigil(A, silent_after=silent_after)
    done = best = 0
    for answered, more in answers:
        done += more
        watch.heard(A, answered, done, AT)
        best = done if answered else best
        assert watch.trusted == best
