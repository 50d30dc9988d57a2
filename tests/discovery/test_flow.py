"""Discovery and collection at the same time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailcensus.dataset.run import CurrentRun, StageState
from mailcensus.dataset.tables import Dataset
from mailcensus.discovery.connect import connect_once
from mailcensus.discovery.flow import discover_and_collect
from mailcensus.discovery.stage import Progress
from mailcensus.population import load_population
from mailcensus.probe.collector import CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.study import Settings, Study, StudyError

pytestmark = pytest.mark.slow

HOSTS = [f"127.81.0.{number}" for number in range(1, 256, 9)]
RATE_PER_S = 250.0


@pytest.fixture
def listeners() -> Iterator[dict[str, socket.socket]]:
    """Hosts that take a connection and say nothing of use."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server((HOSTS[0], 0), backlog=20))
        port = first.getsockname()[1]
        rest = {ip: stack.enter_context(socket.create_server((ip, port), backlog=20)) for ip in HOSTS[1:]}
        yield {HOSTS[0]: first, **rest}


def study(directory: Path, listeners: dict[str, socket.socket], **sections: Any) -> Study:
    port = listeners[HOSTS[0]].getsockname()[1]
    (directory / "prefixes.txt").write_text("127.81.0.0/24\n")
    told = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt"},
        "politeness": {
            "connections_per_s": RATE_PER_S,
            "prefix_connections_per_s": RATE_PER_S,
            "prefix_connections": 100,
            "in_flight": 50,
        },
        "discovery": {"ports": [port], "timeout_s": 0.5},
        "collect": {
            "services": ["smtp"],
            "deadlines": {"greeting_s": 0.05},
            "flush_s": 0.1,
        },
        "ports": {"smtp": port},
    }
    return Study(directory, Settings.model_validate(told | sections))


def rows(told: Study, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Dataset(told.data).table(table).to_pyarrow().to_pylist()
    return found


def run(told: Study, on_collection: Callable[[CollectProgress], None] = lambda progress: None) -> CurrentRun:
    with CurrentRun(told.data, datetime.now(UTC)) as current:
        asks = discover_and_collect(told, current, lambda progress: None, on_collection)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(asyncio.wait_for(asks, 120))
        return current


def test_a_hit_is_collected_while_discovery_goes_on_and_both_keep_the_rate(
    tmp_path: Path, listeners: dict[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailcensus.discovery.stage._PROGRESS_S", 0.02)
    monkeypatch.setattr("mailcensus.discovery.stage._CHECKPOINT_S", 0.1)
    told = study(tmp_path, listeners)
    *_, last = load_population(told).addresses()
    collected = 0

    async def last_of_all(dialer: Dialer, ip: str, *arguments: Any) -> Any:
        """Discovery is not over before half of the hosts are collected."""
        while ip == last and collected <= len(HOSTS) / 2:
            await asyncio.sleep(0.01)
        return await connect_once(dialer, ip, *arguments)

    def count(progress: CollectProgress) -> None:
        nonlocal collected
        collected = progress.hosts_done

    monkeypatch.setattr("mailcensus.discovery.connect.connect_once", last_of_all)
    began = datetime.now(UTC)
    current = run(told, count)
    seen = {row["ip"]: row["seen_at"] for row in rows(told, "hits")}
    grabs = {row["ip"]: row["started_at"] for row in rows(told, "grabs")}
    assert sorted(seen) == sorted(grabs) == sorted(HOSTS)
    stages = {row["stage"]: row for row in rows(told, "runs")}
    assert {name: current.stage(name).state for name in stages} == {
        "discover": StageState.DONE,
        "collect": StageState.DONE,
    }
    discovered_at = stages["discover"]["ended_at"]
    assert sum(at < discovered_at for at in grabs.values()) > len(HOSTS) / 2
    took_s = (max(stages[name]["ended_at"] for name in stages) - began).total_seconds()
    assert 256 + len(HOSTS) <= RATE_PER_S * (took_s + 1), "the two together went over the rate"


def test_what_an_earlier_session_found_is_collected_too_and_nothing_twice(
    tmp_path: Path, listeners: dict[str, socket.socket]
) -> None:
    told = study(tmp_path, listeners)

    class Enough(Exception):
        """Ends a session."""

    def stop(progress: Progress) -> None:
        if progress.done > 100:
            raise Enough

    with (
        CurrentRun(told.data, datetime.now(UTC)) as current,
        asyncio.Runner() as runner,
        pytest.raises(Enough),
    ):
        runner.run(discover_and_collect(told, current, stop, lambda progress: None))
    found = {row["ip"] for row in rows(told, "hits")}
    assert 0 < len(found) < len(HOSTS)
    run(told)
    assert sorted(row["ip"] for row in rows(told, "hits")) == sorted(HOSTS)
    assert sorted(row["ip"] for row in rows(told, "grabs")) == sorted(HOSTS)
    run(told)
    assert len(rows(told, "grabs")) == len(HOSTS)


def test_trouble_in_one_ends_both_with_its_own_words(
    tmp_path: Path, listeners: dict[str, socket.socket]
) -> None:
    told = study(tmp_path, listeners, population={"prefixes": "gone.txt"})
    with pytest.raises(StudyError, match=r"gone\.txt"):
        run(told)
    told = study(tmp_path, listeners, collect={"services": ["smtp"], "hello_profile": "none"})
    with pytest.raises(StudyError, match="hello_profile"):
        run(told)


def test_a_canary_that_answers_is_not_collected(tmp_path: Path, listeners: dict[str, socket.socket]) -> None:
    with socket.create_server(("127.81.9.9", listeners[HOSTS[0]].getsockname()[1])):
        told = study(
            tmp_path, listeners, canaries={"hosts": ["127.81.9.9", HOSTS[3]], "share": 0.05, "rest_s": 0.01}
        )
        run(told)
    assert {row["ip"] for row in rows(told, "canaries")} == {"127.81.9.9", HOSTS[3]}
    assert sorted(row["ip"] for row in rows(told, "grabs")) == sorted(HOSTS)
