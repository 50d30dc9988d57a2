"""What is left to ask."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.pending import GrabCounts, Pending, grab_counts
from mailcensus.model import Grab, Hit, Outcome
from observations import SERVICES, grab, hit, ip


def left(data: Path, attempts: int = 3) -> dict[str, list[tuple[str, int]]]:
    work = Pending(data, "r", SERVICES, attempts)
    return {host.ip: [(ask.service, ask.attempt) for ask in host.asks] for host in work}


def test_an_empty_study_has_nothing_to_ask(tmp_path: Path) -> None:
    assert left(tmp_path) == {}


def test_every_service_of_every_hit_is_asked_in_the_order_found(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(5), hit(3), hit(9, canary=True), hit(1, "other run")])
    assert left(tmp_path) == {ip(3): [("ssh", 1), ("smtp", 1)], ip(5): [("ssh", 1), ("smtp", 1)]}
    assert list(left(tmp_path)) == [ip(3), ip(5)]


def test_a_final_grab_is_not_asked_again_whatever_its_outcome(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1)])
    PartWriter(tmp_path, "grabs", Grab).write(
        [grab(1, "ssh", Outcome.TIMEOUT), grab(1, "smtp", run_id="old")]
    )
    assert left(tmp_path) == {ip(1): [("smtp", 1)]}


def test_rate_limited_is_asked_again_until_its_attempts_are_used_up(tmp_path: Path) -> None:
    PartWriter(tmp_path, "hits", Hit).write([hit(1), hit(2), hit(3)])
    limited = Outcome.RATE_LIMITED
    grabs = [grab(1, "smtp", limited, attempt=n) for n in (1, 2)] + [grab(1, "ssh")]
    grabs += [grab(2, "smtp", limited, attempt=n) for n in (1, 2, 3)] + [grab(2, "ssh", limited)]
    grabs += [grab(3, "smtp", limited), grab(3, "smtp", attempt=2), grab(3, "ssh")]
    PartWriter(tmp_path, "grabs", Grab).write(grabs)
    assert left(tmp_path) == {ip(1): [("smtp", 3)], ip(2): [("ssh", 2)]}
    (first, _) = Pending(tmp_path, "r", SERVICES, 3)
    assert first.asks[0].last_at == grab(1, attempt=2).started_at


def test_counts_cover_all_sessions_of_the_run(tmp_path: Path) -> None:
    assert grab_counts(tmp_path, "r") == GrabCounts(0, 0, 0)
    for grabs in ([grab(1), grab(2, outcome=Outcome.EXCLUDED)], [grab(3), grab(3, run_id="old")]):
        PartWriter(tmp_path, "grabs", Grab).write(grabs)
    assert grab_counts(tmp_path, "r") == GrabCounts(3, 2, 1)


@settings(max_examples=15, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 5), st.sampled_from(SERVICES))))
def test_recorded_and_pending_together_are_everything_once(
    tmp_path_factory: object, recorded: set[tuple[int, str]]
) -> None:
    data = tmp_path_factory.mktemp("data")  # type: ignore[attr-defined]
    PartWriter(data, "hits", Hit).write([hit(number) for number in range(6)])
    PartWriter(data, "grabs", Grab).write([grab(number, service) for number, service in recorded])
    asked = {(address, service) for address, asks in left(data).items() for service, _ in asks}
    everything = {(ip(number), service) for number in range(6) for service in SERVICES}
    assert asked == everything - {(ip(number), service) for number, service in recorded}
