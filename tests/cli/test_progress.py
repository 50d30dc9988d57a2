"""How far a stage is, where there is no terminal."""

from __future__ import annotations

import pytest

from mailcensus.cli.progress import Snapshot, StageTalk, duration, words


class Clock:
    """A clock to set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def addresses(done: int, answered: int = 0) -> Snapshot:
    return Snapshot(done, 4_000, "addresses", answered, done, "answer")


def test_a_snapshot_names_done_total_rate_share_and_time_left() -> None:
    assert words(addresses(1_000, 25), 50.0) == "1,000/4,000 addresses, 50/s, 25 answer (2.5 %), 1 min left"
    assert words(addresses(0), 0.0) == "0/4,000 addresses, 0/s"
    assert words(addresses(4_000, 1), 9.0) == "4,000/4,000 addresses, 9/s, 1 answer (0.025 %)"
    waiting = Snapshot(4_000, 4_000, "hosts", 0, 0, "ok", "3 asked again later")
    assert words(waiting, 1.0) == "4,000/4,000 hosts, 1/s, 3 asked again later"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7_500, "2 h 5 min"),
        (97_300, "1 d 3 h"),
        (20 * 86_400, "20 d"),
    ],
)
def test_a_time_is_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_comes_every_few_seconds_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with StageTalk("discover", quiet=False, clock=clock) as talk:
        for done in range(0, 1_300, 100):
            clock.now = 100 + done / 100
            talk.show(addresses(done))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "discover: 500/4,000 addresses, 100/s, 0 answer (0 %), 35 s left",
        "discover: 1,000/4,000 addresses, 100/s, 0 answer (0 %), 30 s left",
        "discover: 1,200/4,000 addresses, 100/s, 0 answer (0 %), 28 s left",
    ]


def test_what_an_earlier_session_did_is_not_in_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with StageTalk("discover", quiet=False, done=3_000, clock=clock) as talk:
        clock.now += 10
        talk.show(addresses(3_100))
    assert "3,100/4,000 addresses, 10/s" in capsys.readouterr().err


def test_the_rate_is_that_of_the_last_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with StageTalk("discover", quiet=False, clock=clock) as talk:
        for second in range(100):
            clock.now = 100.0 + second
            talk.show(addresses(min(second, 50) * 10))
    assert capsys.readouterr().err.splitlines()[-1].startswith("discover: 500/4,000 addresses, 0/s")


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with StageTalk("discover", quiet=True) as talk:
        talk.show(addresses(5))
    assert capsys.readouterr() == ("", "")
