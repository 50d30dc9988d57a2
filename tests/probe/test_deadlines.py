"""The sweeper of deadlines, on a real loop with a fine resolution."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from mailcensus.probe import deadlines as module
from mailcensus.probe.deadlines import Deadlines


class Target:
    def __init__(self, deadline: float, on_expire: Callable[[], None] = lambda: None) -> None:
        self.deadline = deadline
        self.expired = 0
        self._on_expire = on_expire

    def expire(self) -> None:
        self.expired += 1
        self._on_expire()


async def sweeps(count: int, resolution_s: float = 0.01) -> None:
    """At least so many looks, however busy the machine: one comes before each sleep ends."""
    for _ in range(count):
        await asyncio.sleep(resolution_s + 0.002)


def test_a_target_expires_once_after_its_deadline_and_is_not_watched_then() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop, resolution_s=0.01)
        due, later = Target(loop.time() + 0.005), Target(loop.time() + 60)
        deadlines.add(due)
        deadlines.add(later)
        await sweeps(4)
        assert (due.expired, later.expired, len(deadlines)) == (1, 0, 1)

    asyncio.run(scenario())


def test_a_deadline_may_be_moved_both_ways_while_it_is_watched() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop, resolution_s=0.01)
        put_off, brought_forward = Target(loop.time() + 0.005), Target(math.inf)
        deadlines.add(put_off)
        deadlines.add(brought_forward)
        put_off.deadline = loop.time() + 60
        brought_forward.deadline = loop.time()
        await sweeps(3)
        assert (put_off.expired, brought_forward.expired) == (0, 1)

    asyncio.run(scenario())


def test_a_removed_target_does_not_expire_not_even_in_the_same_look() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop, resolution_s=0.01)
        targets: list[Target] = []

        def remove_all() -> None:
            for target in targets:
                deadlines.remove(target)

        targets += [Target(loop.time(), remove_all), Target(loop.time(), remove_all)]
        for target in targets:
            deadlines.add(target)
        await sweeps(3)
        assert sum(target.expired for target in targets) == 1
        deadlines.remove(targets[0])

    asyncio.run(scenario())


def test_an_error_in_one_target_surfaces_and_the_others_still_expire() -> None:
    async def scenario() -> list[object]:
        loop = asyncio.get_running_loop()
        errors: list[object] = []
        loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        deadlines = Deadlines(loop, resolution_s=0.01)

        def fail() -> None:
            raise ZeroDivisionError

        targets = [Target(loop.time(), fail), Target(loop.time(), fail), Target(loop.time())]
        for target in targets:
            deadlines.add(target)
        await sweeps(6)
        assert [target.expired for target in targets] == [1, 1, 1]
        return errors

    assert [type(error) for error in asyncio.run(scenario())] == [ZeroDivisionError] * 2


def test_no_timer_runs_when_nothing_is_watched() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop, resolution_s=0.01)
        target = Target(loop.time())
        deadlines.add(target)
        await sweeps(4)
        assert deadlines._timer is None
        target.deadline = loop.time()
        deadlines.add(target)
        await sweeps(3)
        assert target.expired == 2

    asyncio.run(scenario())


async def remove_after(heard: asyncio.Future[None], deadlines: Deadlines, target: Target) -> None:
    """A task that wakes some turns of the loop after its socket was ready, as one does that waits for a connect."""
    await heard
    await asyncio.sleep(0)
    deadlines.remove(target)


def test_after_a_stall_what_lies_in_the_kernel_is_read_before_anybody_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the machine was suspended: the answer was there in time, and we were not."""
    monkeypatch.setattr(module, "STALLED_S", 0.05)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop, resolution_s=0.02)
        ours, theirs = socket.socketpair()
        answered, silent = Target(loop.time() + 0.05), Target(loop.time() + 0.05)
        with ours, theirs:
            ours.setblocking(False)
            heard = loop.create_future()
            loop.add_reader(ours, lambda: None if heard.done() else heard.set_result(None))
            task = asyncio.create_task(remove_after(heard, deadlines, answered))
            await asyncio.sleep(0)
            deadlines.add(answered)
            deadlines.add(silent)
            theirs.send(b"220 mx\r\n")
            time.sleep(0.15)
            await sweeps(4, 0.02)
            loop.remove_reader(ours)
            await task
        assert (answered.expired, silent.expired) == (0, 1)

    asyncio.run(scenario())
    uvloop.run(scenario())
