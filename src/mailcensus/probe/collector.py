"""Asks many hosts at once: services of a host in sequence, those who said "later" again after a pause.

Where canaries watch the way out, nobody is asked while it is closed, and a service that kept silent is recorded only
once a canary has answered after it; otherwise it is asked once more, as if it had not been asked.

Every task lives in one group: a bug or a full disk in any of them ends the run with that error, and nothing is
lost that had been recorded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Grab, Observation, Outcome
from mailcensus.probe.crowd import many_at_once
from mailcensus.probe.grab import Grabber, Special
from mailcensus.probe.way import Way
from mailcensus.study import Settings
from mailcensus.wire.services import SERVICE_BY_NAME

_PROGRESS_S = 0.2


@dataclass(slots=True)
class CollectProgress:
    """How far a collection is."""

    hosts: int
    """Hosts known so far with something left to ask when it began, or found since."""
    hosts_done: int = 0
    """Hosts asked everything, those that wait for another try not counted."""
    grabs: int = 0
    ok: int = 0
    waiting: int = 0
    """Services to be asked again after a pause."""


class Collector:
    """Runs grabs and records them."""

    def __init__(
        self,
        settings: Settings,
        grabber: Grabber,
        recorder: Recorder,
        progress: CollectProgress,
        on_progress: Callable[[CollectProgress], None],
        way: Way | None = None,
        server_names: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare.

        Args:
            server_names: by address, what its TLS is asked for (SNI); an address that has none is asked without.
        """
        self._server_names = server_names or {}
        self._pauses_s: Sequence[float] = settings.collect.rate_limited_pauses_s
        self._flush_s = settings.collect.flush_s
        self._grabber = grabber
        self._recorder = recorder
        self._slots = asyncio.Semaphore(settings.politeness.in_flight)
        self.progress = progress
        self._on_progress = on_progress
        self._shown_at = 0.0
        self._way = way or Way()

    async def collect(self, work: Iterable[HostWork] | AsyncIterable[HostWork]) -> None:
        """Ask everything in `work`, as it comes; returns when all of it is recorded or will never be.

        Raises:
            ExceptionGroup: what went wrong on our side.
        """
        await many_at_once(
            work, self._host, slots=self._slots, flush=self._recorder.flush, flush_s=self._flush_s
        )
        self._on_progress(self.progress)

    async def _host(self, host: HostWork, hosts: asyncio.TaskGroup) -> None:
        """All services of one host, one after the other."""
        later: list[Ask] = []
        for ask in host.asks:
            if self._pause_left_s(ask) > 0:
                later.append(ask)
            elif (again := await self._ask(host.ip, ask)) is not None:
                later.append(again)
        self.progress.hosts_done += 1
        for ask in later:
            self.progress.waiting += 1
            hosts.create_task(self._again(host.ip, ask))

    async def _again(self, ip: str, ask: Ask) -> None:
        """One service of a peer that said "later", until it answers or the pauses are used up."""
        following: Ask | None = ask
        while following is not None:
            await asyncio.sleep(self._pause_left_s(following))
            async with self._slots:
                following = await self._ask(ip, following)
        self.progress.waiting -= 1

    async def _ask(self, ip: str, ask: Ask) -> Ask | None:
        """One grab, recorded; what to ask again later, if anything."""
        observation = await self._grab(ip, ask)
        self._recorder.add(observation)
        self._count(observation.grab)
        if observation.grab.outcome is Outcome.RATE_LIMITED and ask.attempt <= len(self._pauses_s):
            return Ask(ask.service, ask.attempt + 1, observation.grab.started_at)
        return None

    async def _grab(self, ip: str, ask: Ask) -> Observation:
        """One grab over an open way."""
        while True:
            await self._way.wait_until_open()
            began_s = self._way.now_s()
            grabbed = await self._grabber.grab(
                ip, SERVICE_BY_NAME[ask.service], attempt=ask.attempt, **self._special(ip)
            )
            if grabbed.grab.outcome is not Outcome.TIMEOUT or await self._way.was_open(began_s):
                return grabbed

    def _special(self, ip: str) -> Special:
        name = self._server_names.get(ip)
        return {} if name is None else {"server_name": name}

    def _pause_left_s(self, ask: Ask) -> float:
        """Pauses count from the start of the attempt before, and never last longer, whatever the clock was then."""
        if ask.last_at is None or ask.attempt < 2:
            return 0.0
        pause_s = self._pauses_s[min(ask.attempt - 2, len(self._pauses_s) - 1)]
        return min(pause_s, max(0.0, pause_s - (datetime.now(UTC) - ask.last_at).total_seconds()))

    def _count(self, grab: Grab) -> None:
        progress = self.progress
        progress.grabs += 1
        progress.ok += grab.outcome is Outcome.OK
        now = time.monotonic()
        if now - self._shown_at >= _PROGRESS_S:
            self._shown_at = now
            self._on_progress(progress)
