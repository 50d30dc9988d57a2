"""The way out as collection sees it: whose silence counts, and when nobody may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.model import Outcome
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.way import Way
from mailcensus.study import Settings


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(scenario, 60))


def test_without_canaries_everything_counts() -> None:
    assert run(Way().was_open(0.0)) is True


def test_silence_counts_once_a_canary_that_was_asked_after_it_has_answered() -> None:
    async def scenario() -> None:
        clock = Clock()
        way = Way(clock)
        way.watch()
        clock.now = 5.0
        verdict = asyncio.ensure_future(way.was_open(1.0))
        await asyncio.sleep(0)
        way.confirm(4.0)
        await asyncio.sleep(0)
        assert not verdict.done()
        way.confirm(6.0)
        assert await verdict is True

    run(scenario())


def test_silence_before_a_pause_counts_for_nothing_nor_does_what_began_in_it() -> None:
    async def scenario() -> None:
        clock = Clock()
        way = Way(clock)
        way.watch()
        verdict = asyncio.ensure_future(way.was_open(0.0))
        await asyncio.sleep(0)
        clock.now = 5.0
        way.close()
        assert await verdict is False
        waits = asyncio.ensure_future(way.wait_until_open())
        await asyncio.sleep(0)
        assert not waits.done()
        clock.now = 9.0
        way.reopen()
        await waits
        assert await way.was_open(6.0) is False

    run(scenario())


def test_at_the_end_of_the_watch_what_is_in_doubt_was_vouched_for() -> None:
    async def scenario() -> None:
        way = Way()
        way.watch()
        verdict = asyncio.ensure_future(way.was_open(way.now_s()))
        await asyncio.sleep(0)
        way.retire()
        assert await verdict is True
        assert await way.was_open(0.0) is True

    run(scenario())


@dataclass
class Grabber:
    """Times out as long as the way is closed."""

    way: Way
    closed: bool = True
    asked: list[str] = field(default_factory=list)

    async def grab(self, ip: str, service: Any, *, attempt: int) -> Any:
        self.asked.append(ip)
        outcome = Outcome.TIMEOUT if self.closed else Outcome.OK
        return SimpleNamespace(grab=SimpleNamespace(ip=ip, outcome=outcome, started_at=None))


def test_a_grab_that_met_a_closed_way_is_not_recorded_and_asked_again() -> None:
    recorded: list[Any] = []

    async def scenario() -> None:
        way = Way()
        way.watch()
        grabber: Any = Grabber(way)
        recorder: Any = SimpleNamespace(add=recorded.append, flush=lambda: None)
        collector = Collector(Settings(), grabber, recorder, CollectProgress(1), lambda progress: None, way)
        work = [HostWork("192.0.2.1", (Ask("smtp", 1, None),))]
        collecting = asyncio.ensure_future(collector.collect(work))
        while not grabber.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        way.close()
        await asyncio.sleep(0.01)
        assert (recorded, len(grabber.asked)) == ([], 1)
        grabber.closed = False
        way.reopen()
        await collecting
        assert len(grabber.asked) == 2

    run(scenario())
    assert [observation.grab.outcome for observation in recorded] == [Outcome.OK]
