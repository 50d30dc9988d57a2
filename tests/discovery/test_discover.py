"""Discovery of a population on loopback whose listeners are known."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailcensus.discovery import Progress, Tally, discover
from mailcensus.model import Hit
from mailcensus.population import Exclusions, load_population
from mailcensus.probe.dialer import Dialer, Turn
from mailcensus.study import Settings, Study, StudyError

PREFIXES = "127.77.0.0/23\n"
SIZE = 512


class MemorySink:
    """Keeps hits as a disk would: what is not checkpointed when it is killed is lost."""

    def __init__(self) -> None:
        self.waiting: list[Hit] = []
        self.stored: dict[str, Hit] = {}
        self.position = 0
        self.adds = 0
        self.killed = False

    @property
    def count(self) -> int:
        return len(self.stored) + len(self.waiting)

    def add(self, hit: Hit) -> bool:
        self.adds += 1
        self.waiting.append(hit)
        return True

    def checkpoint(self, position: int) -> None:
        if not self.killed:
            self.stored |= {hit.ip: hit for hit in self.waiting}
            self.position = position
        self.waiting = []

    def kill(self) -> None:
        self.killed = True


class World:
    """Addresses that listen, one that says nothing, a study of them all."""

    def __init__(self, directory: Path, listeners: dict[str, socket.socket], silent: str, port: int) -> None:
        self.directory = directory
        self.listeners = listeners
        self.silent = silent
        self.port = port

    def study(self, **politeness: float) -> Study:
        free = {"connections_per_s": 1e6, "prefix_connections_per_s": 1e6, "prefix_connections": 500}
        settings = {
            "study": {"allow_special": True},
            "population": {"prefixes": "prefixes.txt", "exclusions": ["opt-outs.txt"]},
            "politeness": free | {"in_flight": 200} | politeness,
            "discovery": {"ports": [self.port], "timeout_s": 1.0},
        }
        return Study(self.directory, Settings.model_validate(settings))

    async def discover(
        self,
        sink: MemorySink,
        study: Study | None = None,
        exclusions: Exclusions | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Tally:
        study = study or self.study()
        return await discover(
            study,
            load_population(study),
            Dialer(study.settings.politeness, exclusions or Exclusions.of_study(study), True),
            sink,
            run_id="run-1",
            start_at=sink.position,
            on_progress=on_progress,
        )

    def connections(self) -> list[str]:
        """Addresses that connections reached since this was last asked, one entry for each."""
        found = []
        for ip, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()
                    found.append(ip)
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    chance = random.Random(11)
    ips = [f"127.77.{third}.{fourth}" for third in range(2) for fourth in range(256)]
    silent, *listening = chance.sample(ips, 61)
    (tmp_path / "prefixes.txt").write_text(PREFIXES)
    (tmp_path / "opt-outs.txt").write_text("")
    with ExitStack() as stack:
        dead = stack.enter_context(socket.create_server((silent, 0), backlog=0))
        port = dead.getsockname()[1]
        stack.enter_context(socket.create_connection((silent, port)))
        listeners = {
            ip: stack.enter_context(socket.create_server((ip, port), backlog=50)) for ip in listening
        }
        for listener in listeners.values():
            listener.setblocking(False)
        yield World(tmp_path, listeners, silent, port)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whom packets went to."""
    log: list[str] = []
    dial = Turn.dial

    async def noted(turn: Turn, *arguments: Any) -> Any:
        log.append(turn._ip)
        return await dial(turn, *arguments)

    monkeypatch.setattr(Turn, "dial", noted)
    return log


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(scenario, 120))


def test_discovery_finds_exactly_who_listens_and_asks_each_once(world: World) -> None:
    sink = MemorySink()
    reports: list[Progress] = []
    tally = run(world.discover(sink, on_progress=reports.append))
    assert set(sink.stored) == set(world.listeners)
    assert sorted(world.connections()) == sorted(world.listeners)
    assert tally == Tally(hits=60, refused=SIZE - 61, timeouts=1)
    assert sink.position == SIZE
    assert (reports[-1].done, reports[-1].total, reports[-1].hits) == (SIZE, SIZE, 60)
    hit = next(iter(sink.stored.values()))
    assert (hit.run_id, hit.port, hit.engine, hit.canary) == ("run-1", world.port, "connect", False)
    assert hit.rtt_ms is not None
    assert 0 < hit.rtt_ms < 1000


def test_running_a_finished_discovery_again_asks_nobody(world: World) -> None:
    sink = MemorySink()
    run(world.discover(sink))
    world.connections()
    assert run(world.discover(sink)) == Tally()
    assert world.connections() == []


@pytest.mark.parametrize("attempt", range(6))
def test_nobody_is_lost_when_a_run_is_killed_at_any_moment(
    world: World, attempt: int, monkeypatch: pytest.MonkeyPatch, dialled: list[str]
) -> None:
    """Killed: nothing reaches the disk any more, not even on the way out."""
    monkeypatch.setattr("mailcensus.discovery.stage._PROGRESS_S", 0.01)
    monkeypatch.setattr("mailcensus.discovery.stage._CHECKPOINT_S", 0.02)
    (world.directory / "opt-outs.txt").write_text(f"{world.silent}\n")  # no short session could get past it
    chance = random.Random(attempt)
    sink = MemorySink()
    kills = 0

    async def killed() -> None:
        nonlocal kills
        task = asyncio.create_task(world.discover(sink, world.study(connections_per_s=1000, in_flight=20)))
        enough = len(dialled) + chance.randrange(5, 150)
        await until(lambda: len(dialled) >= enough or task.done())
        if not task.done():
            kills += 1
            sink.kill()
            task.cancel()
            await asyncio.wait([task])
        sink.killed = False

    while sink.position < SIZE:
        run(killed())
    assert kills >= 2
    assert set(sink.stored) == set(world.listeners)
    assert len(world.connections()) <= len(world.listeners) + kills * 60


def test_an_interrupted_run_stores_how_far_it_came(world: World, dialled: list[str]) -> None:
    sink = MemorySink()

    async def interrupted() -> None:
        task = asyncio.create_task(world.discover(sink, world.study(connections_per_s=1000, in_flight=5)))
        await until(lambda: len(dialled) > 50)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(interrupted())
    assert 0 < sink.position < SIZE
    run(world.discover(sink))
    assert set(sink.stored) == set(world.listeners)
    assert len(world.connections()) <= len(world.listeners) + 5


def test_an_opt_out_stops_packets_in_a_running_scan(world: World) -> None:
    study = world.study(in_flight=1)
    now = 0.0
    sink = MemorySink()

    def opt_out(progress: Hit) -> bool:
        nonlocal now
        (world.directory / "opt-outs.txt").write_text("127.77.0.0/16\n")
        now = 10.0
        return True

    sink.add = opt_out  # type: ignore[method-assign, assignment]
    exclusions = Exclusions([world.directory / "opt-outs.txt"], clock=lambda: now)
    tally = run(world.discover(sink, study, exclusions))
    assert tally.hits == 1
    assert len(world.connections()) == 1
    assert tally.asked + tally.excluded == SIZE


def test_a_bug_in_one_worker_ends_the_run_and_surfaces(world: World) -> None:
    sink = MemorySink()

    def fail(hit: Hit) -> bool:
        raise ZeroDivisionError

    sink.add = fail  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        run(world.discover(sink))
    assert sink.position < SIZE


def test_a_sink_that_cannot_write_ends_the_run_with_its_own_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailcensus.discovery.stage._PROGRESS_S", 0.01)
    monkeypatch.setattr("mailcensus.discovery.stage._CHECKPOINT_S", 0.01)
    sink = MemorySink()

    def full(position: int) -> None:
        raise StudyError("data/hits: no space left on device")

    sink.checkpoint = full  # type: ignore[method-assign]
    with pytest.raises(StudyError, match="no space left"):
        run(world.discover(sink, world.study(connections_per_s=100)))


def test_progress_is_reported_at_most_every_fifth_of_a_second(world: World) -> None:
    sink = MemorySink()
    reports: list[Progress] = []
    times: list[float] = []

    def look(progress: Progress) -> None:
        reports.append(progress)
        times.append(time.monotonic())

    run(world.discover(sink, world.study(connections_per_s=300), on_progress=look))
    assert len(reports) >= 3
    assert all(later - earlier > 0.19 for earlier, later in pairwise(times[:-1]))
    assert [report.done for report in reports] == sorted(report.done for report in reports)
    assert 0 < reports[2].rate_per_s < 2 * 300
