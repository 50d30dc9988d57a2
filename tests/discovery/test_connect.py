"""The built-in sweep: whom it asks again, and what becomes of each way in which a connect fails."""

from __future__ import annotations

import asyncio
import errno
import time
from itertools import pairwise
from types import TracebackType
from typing import Any, cast

import pytest
import uvloop

from mailcensus.discovery import Tally
from mailcensus.discovery.connect import Answer, ConnectSweep, connect_once
from mailcensus.discovery.frontier import Frontier
from mailcensus.probe.dialer import Dialer
from mailcensus.study import StudyError
from mailcensus.study.sections import DiscoverySection


class BrokenTurn:
    """A turn whose connect fails in a given way."""

    def __init__(self, error: OSError) -> None:
        self.error = error

    def admit(self, ip: str) -> BrokenTurn:
        return self

    async def __aenter__(self) -> BrokenTurn:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        return

    async def dial(self, *args: object) -> None:
        raise self.error


class Lossy:
    """A network that loses the first so many tries of each port of each address."""

    def __init__(self, lost: dict[tuple[str, int], int]) -> None:
        self.lost = lost
        self.tries: list[tuple[str, int, float]] = []

    def admit(self, ip: str) -> LossyTurn:
        return LossyTurn(self, ip)


class LossyTurn:
    connect_ms = 1.0

    def __init__(self, network: Lossy, ip: str) -> None:
        self.network = network
        self.ip = ip

    async def __aenter__(self) -> LossyTurn:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def dial(self, port: int, *_: object) -> None:
        self.network.tries.append((self.ip, port, time.monotonic()))
        left = self.network.lost.get((self.ip, port), 0)
        self.network.lost[self.ip, port] = left - 1
        if left > 0:
            raise TimeoutError


def swept(
    network: Lossy, addresses: list[str], **settings: object
) -> tuple[Tally, list[tuple[str, int]], Frontier]:
    hits: list[tuple[str, int]] = []
    frontier = Frontier(iter(enumerate(addresses)), 0, len(addresses))
    lossy: Any = network
    told = DiscoverySection.model_validate(settings)
    sweep = ConnectSweep(
        lossy, frontier, lambda hit: hits.append((hit.ip, hit.port)), run_id="r", settings=told
    )

    async def work() -> None:
        await asyncio.gather(sweep.work(), sweep.work())

    uvloop.run(work())
    return sweep.tally, sorted(hits), frontier


def test_who_does_not_answer_is_tried_again_after_a_pause_and_then_given_up() -> None:
    network = Lossy({("a", 25): 1, ("b", 25): 2, ("c", 25): 3})
    tally, hits, frontier = swept(network, ["a", "b", "c", "d"], retries=2, retry_pause_s=0.02)
    assert hits == [("a", 25), ("b", 25), ("d", 25)]
    assert tally == Tally(hits=3, timeouts=1)
    assert frontier.checkpoint == 4
    times = {ip: [at for other, _, at in network.tries if other == ip] for ip in "abcd"}
    assert [len(times[ip]) for ip in "abcd"] == [2, 3, 3, 1]
    assert all(later - earlier > 0.018 for ats in times.values() for earlier, later in pairwise(ats))


def test_each_port_is_asked_and_only_the_silent_one_again() -> None:
    network = Lossy({("a", 587): 1, ("b", 25): 9, ("b", 587): 9})
    tally, hits, _ = swept(network, ["a", "b"], ports=[25, 587], retries=1, retry_pause_s=0.001)
    assert hits == [("a", 25), ("a", 587)]
    assert tally == Tally(hits=2, timeouts=2)
    assert sorted(network.tries)[0][:2] == ("a", 25)
    assert [(ip, port) for ip, port, _ in network.tries].count(("a", 25)) == 1


def test_who_waits_for_another_try_is_not_done_with() -> None:
    lossy: Any = Lossy({("a", 25): 9})
    frontier = Frontier(iter([(0, "a"), (1, "b")]), 0, 2)
    settings = DiscoverySection(retries=1, retry_pause_s=60)
    sweep = ConnectSweep(lossy, frontier, print, run_id="r", settings=settings)

    async def interrupted() -> None:
        task = asyncio.create_task(sweep.work())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    uvloop.run(interrupted())
    assert frontier.checkpoint == 0


def broken_sweep(error: OSError) -> tuple[ConnectSweep, Frontier]:
    frontier = Frontier(iter([(0, "192.0.2.1")]), 0, 1)
    broken: Any = BrokenTurn(error)
    return ConnectSweep(
        broken, frontier, print, run_id="r", settings=DiscoverySection(timeout_s=1.0)
    ), frontier


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), Tally(unreachable=1)),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), Tally(unreachable=1)),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), Tally(hits=1)),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), Tally(timeouts=1)),
    ],
)
def test_failures_are_counted_by_their_kind(error: OSError, expected: Tally) -> None:
    sweep, frontier = broken_sweep(error)
    uvloop.run(sweep.work())
    assert sweep.tally == expected
    assert frontier.checkpoint == 1


def test_a_machine_out_of_descriptors_is_not_an_answer_of_the_address() -> None:
    sweep, frontier = broken_sweep(OSError(errno.EMFILE, "Too many open files"))
    with pytest.raises(StudyError, match=r"Too many open files.*politeness\.in_flight"):
        uvloop.run(sweep.work())
    assert frontier.checkpoint == 0
    assert sweep.tally == Tally()


class _Resets:
    """A door behind which a listener accepts and resets before we looked."""

    def admit(self, ip: str) -> _Resets:
        return self

    async def __aenter__(self) -> _Resets:
        return self

    async def __aexit__(self, *ended: object) -> None:
        pass

    async def dial(self, port: int, timeout_s: float, factory: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def test_who_accepts_and_resets_at_once_has_answered() -> None:
    door = cast(Dialer, _Resets())
    assert asyncio.run(connect_once(door, "127.0.0.1", 25, 1.0)) == (Answer.HIT, None)
