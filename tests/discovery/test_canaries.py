"""A sweep under the eyes of canaries, on loopback; the way out is closed by filters on the listening sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from closed_way import close_way, open_way
from mailcensus.dataset.run import CurrentRun, StageState
from mailcensus.dataset.tables import Dataset
from mailcensus.discovery.canaries import CanaryWatch, canary_watch
from mailcensus.discovery.resumable import discover_in_run
from mailcensus.population import Exclusions
from mailcensus.probe.dialer import Dialer, Turn
from mailcensus.study import Settings, StageFailed, Study

pytestmark = pytest.mark.slow

CANARY, OTHER = "127.79.200.1", "127.79.201.1"
MEMBERS = [f"127.79.0.{number}" for number in range(0, 256, 6)]
SIZE = 256


class World:
    """A population of which some listen, and two canaries beside it."""

    def __init__(self, directory: Path, listeners: dict[str, socket.socket]) -> None:
        self.directory = directory
        self.listeners = listeners
        self.port = listeners[CANARY].getsockname()[1]

    def study(
        self, *canaries: str, connections_per_s: float = 1_500.0, timeout_s: float = 0.25, **settings: float
    ) -> Study:
        quick = {"share": 0.05, "silent_after": 2, "rest_s": 0.001, "retry_s": 0.02} | settings
        told = {
            "study": {"allow_special": True},
            "population": {"prefixes": "prefixes.txt", "exclusions": ["opt-outs.txt"]},
            "politeness": {
                "connections_per_s": connections_per_s,
                "prefix_connections_per_s": 1e6,
                "prefix_connections": 500,
                "in_flight": 10,
            },
            "discovery": {"ports": [self.port], "timeout_s": timeout_s},
            "canaries": {"hosts": canaries or (CANARY,), **quick},
        }
        return Study(self.directory, Settings.model_validate(told))

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = Dataset(self.directory / "data").table(table).to_pyarrow().to_pylist()
        return rows

    def hits(self, *, canary: bool = False) -> list[str]:
        return sorted(row["ip"] for row in self.rows("hits") if row["canary"] is canary)

    def close(self, *but: str) -> None:
        close_way(listener for ip, listener in self.listeners.items() if ip not in but)

    def open(self) -> None:
        open_way(self.listeners.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "prefixes.txt").write_text("127.79.0.0/24\n")
    (tmp_path / "opt-outs.txt").write_text("")
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_server((CANARY, 0), backlog=100))
        port = first.getsockname()[1]
        others = {
            ip: stack.enter_context(socket.create_server((ip, port), backlog=100)) for ip in (OTHER, *MEMBERS)
        }
        yield World(tmp_path, {CANARY: first, **others})


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, str]]:
    """Whom packets went to, and when."""
    log: list[tuple[datetime, str]] = []
    dial = Turn.dial

    async def noted(turn: Turn, *arguments: Any) -> Any:
        log.append((datetime.now(UTC), turn._ip))
        return await dial(turn, *arguments)

    monkeypatch.setattr(Turn, "dial", noted)
    return log


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(scenario, 120))


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def discover(study: Study, meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None) -> StageState:
    """Discover; what goes on meanwhile may end it by CancelledError."""
    with CurrentRun(study.data, datetime.now(UTC)) as current:

        async def both() -> None:
            sweep = asyncio.ensure_future(discover_in_run(study, current, lambda progress: None))
            try:
                if meanwhile is not None:
                    await meanwhile()
            except asyncio.CancelledError:
                sweep.cancel()
            await asyncio.wait([sweep])
            if not sweep.cancelled():
                sweep.result()

        run(both())
        return current.stage("discover").state


def test_canaries_are_asked_at_their_share_and_are_no_hits_of_the_population(world: World) -> None:
    assert discover(world.study(timeout_s=5.0)) is StageState.DONE
    asks = world.rows("canaries")
    assert {(row["ip"], row["port"], row["answered"]) for row in asks} == {(CANARY, world.port, True)}
    assert all(row["rtt_ms"] > 0 for row in asks)
    assert [row["paused"] for row in asks] == [True, *([False] * (len(asks) - 2)), True]
    assert SIZE // 20 - 3 <= len(asks) - 2 <= SIZE // 20  # one for each twenty, those not due left out
    assert [row["position"] for row in asks] == sorted(row["position"] for row in asks)
    assert asks[-1]["position"] == SIZE
    assert world.hits() == MEMBERS_IN_ORDER
    assert world.hits(canary=True) == [CANARY]
    (stage,) = world.rows("runs")
    assert (stage["asked"], stage["answered"]) == (SIZE, len(MEMBERS))
    assert world.rows("pauses") == []


MEMBERS_IN_ORDER = sorted(MEMBERS)


def test_a_canary_that_is_in_the_population_too_counts_there_once(world: World) -> None:
    discover(world.study(MEMBERS[3]))
    assert world.hits() == MEMBERS_IN_ORDER
    assert world.hits(canary=True) == [MEMBERS[3]]
    (stage,) = world.rows("runs")
    assert stage["answered"] == len(MEMBERS)


def test_when_canaries_fall_silent_nobody_is_asked_and_what_was_asked_since_is_asked_again(
    world: World, dialled: list[tuple[datetime, str]], caplog: pytest.LogCaptureFixture
) -> None:
    async def blind_for_a_time() -> None:
        await until(lambda: len(dialled) > 100)
        world.close()
        await until(lambda: "paused" in caplog.text)
        await asyncio.sleep(0.2)
        world.open()

    with caplog.at_level(logging.WARNING):
        assert discover(world.study(), blind_for_a_time) is StageState.DONE
    assert world.hits() == MEMBERS_IN_ORDER
    (pause,) = world.rows("pauses")
    assert pause["silent_since"] < pause["began_at"] < pause["ended_at"]
    assert pause["back_to"] < pause["reached"] <= SIZE
    assert pause["asks"] > 2
    during = {ip for at, ip in dialled if pause["began_at"] < at < pause["ended_at"]}
    assert during == {CANARY}
    asked = [ip for _, ip in dialled if ip != CANARY]
    assert len(set(asked)) == SIZE
    assert 0 < len(asked) - SIZE <= pause["reached"] - pause["back_to"]
    assert "paused: the canary does not answer since" in caplog.text
    assert "canaries answer again" in caplog.text


def test_who_opts_out_while_blind_is_not_asked_again_and_counts_once(
    world: World, dialled: list[tuple[datetime, str]], caplog: pytest.LogCaptureFixture
) -> None:
    study = world.study(connections_per_s=300.0)

    async def opt_out_while_blind() -> None:
        await until(lambda: len(dialled) > 60)
        world.close()
        await until(lambda: "paused" in caplog.text)
        (world.directory / "opt-outs.txt").write_text("127.79.0.0/25\n")
        await asyncio.sleep(1.5)  # exclusions are looked at once a second
        world.open()

    assert discover(study, opt_out_while_blind) is StageState.DONE
    asked = {ip for _, ip in dialled if ip != CANARY}
    (stage,) = world.rows("runs")
    assert stage["asked"] + stage["excluded"] == SIZE
    assert stage["asked"] <= len(asked) <= stage["asked"] + 10, "those that were on their way at the pause"


def test_a_vantage_that_is_blind_from_the_start_asks_nobody_but_canaries(
    world: World, dialled: list[tuple[datetime, str]]
) -> None:
    world.close()

    async def some_rounds() -> None:
        await until(lambda: len(dialled) > 5)
        raise asyncio.CancelledError

    assert discover(world.study(CANARY, OTHER), some_rounds) is StageState.RUNNING
    assert {ip for _, ip in dialled} == {CANARY, OTHER}
    assert not any(row["answered"] for row in world.rows("canaries"))
    (pause,) = world.rows("pauses")
    assert (pause["silent_since"], pause["ended_at"], pause["reached"]) == (None, None, 0)


def test_a_canary_that_dies_while_another_lives_stops_nothing(world: World) -> None:
    async def one_dies() -> None:
        await asyncio.sleep(0.05)
        close_way([world.listeners[OTHER]])

    assert discover(world.study(CANARY, OTHER, silent_after=1), one_dies) is StageState.DONE
    assert world.rows("pauses") == []
    assert world.hits() == MEMBERS_IN_ORDER


@pytest.mark.parametrize("asked_before", [40, 90, 140])
def test_interrupted_while_blind_it_goes_on_from_what_canaries_vouch_for(
    world: World, dialled: list[tuple[datetime, str]], asked_before: int
) -> None:
    """However the blindness falls, no position goes to disk that no canary vouched for."""
    # It is to be ended long before it would pause, and nobody to be taken for silent on a busy machine.
    study = world.study(silent_after=50, timeout_s=0.25)

    async def ended_while_blind() -> None:
        await until(lambda: len(dialled) > asked_before)
        world.close()
        await until(lambda: len(dialled) > asked_before + 60)
        raise asyncio.CancelledError

    assert discover(study, ended_while_blind) is StageState.RUNNING
    world.open()
    assert discover(study) is StageState.DONE
    assert world.hits() == MEMBERS_IN_ORDER


def test_canaries_that_are_all_excluded_end_the_run_with_a_clear_line(world: World) -> None:
    (world.directory / "opt-outs.txt").write_text(f"{CANARY}\n")
    with pytest.raises(StageFailed, match=r"every canary is excluded; .*canaries\.hosts"):
        discover(world.study())


def sliced(world: World, run_slice: Callable[[CanaryWatch], Coroutine[Any, Any, None]]) -> list[bool]:
    """Three slices of ten under watch, each until it counts."""
    verdicts: list[bool] = []

    async def slices() -> None:
        study = world.study()
        dialer = Dialer(study.settings.politeness, Exclusions.of_study(study), True)
        watch = canary_watch(study, dialer, lambda hit: None, run_id="r", position=0)
        assert watch is not None
        with watch:
            for first in (0, 10, 20):
                while not (counts := await watch.slice(lambda: run_slice(watch), first, first + 10)):
                    verdicts.append(counts)
                verdicts.append(counts)
                assert watch.trusted == first + 10

    run(slices())
    return verdicts


def test_a_slice_whose_canaries_answer_counts(world: World) -> None:
    async def nothing(watch: CanaryWatch) -> None:
        watch.sent(10)

    assert sliced(world, nothing) == [True, True, True]


def test_a_slice_whose_canaries_fall_silent_is_ended_and_run_again(world: World) -> None:
    ended = 0

    async def blind(watch: CanaryWatch) -> None:
        nonlocal ended
        if ended:
            return
        world.close()
        try:
            await asyncio.sleep(10)
        finally:
            ended += 1
            asyncio.get_running_loop().call_later(0.1, world.open)

    assert sliced(world, blind) == [False, True, True, True]
    assert ended == 1
    (pause,) = world.rows("pauses")
    assert (pause["back_to"], pause["reached"]) == (0, 10)


def test_an_engine_that_fails_fails_the_slice(world: World) -> None:
    async def fail(watch: CanaryWatch) -> None:
        raise StageFailed("no gateway")

    with pytest.raises(StageFailed, match="no gateway"):
        sliced(world, fail)
