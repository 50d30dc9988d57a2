"""The follow-up stage of a study: what its settings want asked again, host by host, resumable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from mailcensus.dataset.first_grabs import FirstGrabs
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.probe.crowd import many_at_once
from mailcensus.probe.descriptors import make_room_for
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.probe.enumeration import Enumerator
from mailcensus.probe.followups import ENUMERATE, SNI_PTR, FollowupAsk, followups_of
from mailcensus.probe.grab import Grabber
from mailcensus.probe.resolver import Resolver
from mailcensus.probe.server_names import ptr_name, read_server_names
from mailcensus.probe.trouble import first_trouble
from mailcensus.study import Settings, Study
from mailcensus.wire.services import SERVICE_BY_NAME

STAGE = "follow_up"


@dataclass(slots=True)
class FollowupProgress:
    """How far the follow-ups are."""

    hosts: int
    hosts_done: int = 0
    asked: int = 0
    """Follow-ups made."""


@dataclass(frozen=True, slots=True)
class _Host:
    ip: str
    asks: tuple[FollowupAsk, ...]


def wants_followups(study: Study) -> bool:
    """Whether a study asks for any."""
    wanted = study.settings.followups
    return any((wanted.legacy, wanted.server_names, wanted.ssh_host_keys, wanted.injection, wanted.enumerate))


async def follow_up(
    study: Study,
    run: CurrentRun,
    on_progress: Callable[[FollowupProgress], None],
    *,
    dialer: Dialer | None = None,
    resolver: Resolver | None = None,
) -> None:
    """Ask again what is left to ask again; does nothing where the stage is done.

    A follow-up is tried once: what a peer says then is the record, "later" included.

    Args:
        on_progress: called when it is known how much there is to ask, and after each host.
        dialer: the door, where others use it at the same time; one of its own where none is given.
        resolver: tells reverse names; `resolver_of` the settings where none is given.

    Raises:
        StudyError: the disk is full, this machine is out of sockets.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    if run.begin(STAGE, datetime.now(UTC)).state is StageState.DONE:
        return
    settings = study.settings
    make_room_for(settings.politeness.in_flight)
    grabs = FirstGrabs(run.data, run.run_id)
    recorder = Recorder(run.data)
    progress = FollowupProgress(sum(1 for _ in _work(study, grabs)))
    on_progress(progress)
    slots = asyncio.Semaphore(settings.politeness.in_flight)
    try:
        async with open_door(study, run, dialer) as door:
            grabber = Grabber(settings, run.run_id, door)
            names = resolver or resolver_of(settings)
            asker = _Asker(grabber, recorder, names, settings.followups.pause_s)

            async def ask_host(host: _Host, _group: asyncio.TaskGroup) -> None:
                await asker.ask(host, progress)
                on_progress(progress)

            await many_at_once(
                _work(study, grabs),
                ask_host,
                slots=slots,
                flush=recorder.flush,
                flush_s=settings.collect.flush_s,
            )
    except BaseExceptionGroup as errors:
        raise first_trouble(errors) from None
    finally:
        recorder.close()
    recorder.compact()
    profile = settings.collect.hello_profile
    run.finish(stage_row(run, STAGE, settings, asked=progress.asked, hello_profile=profile))


def resolver_of(settings: Settings) -> Resolver | None:
    """Who tells reverse names: the study's own resolvers, where it names some."""
    facts = settings.facts
    return Resolver(facts.resolvers, facts.queries_per_s) if facts.resolvers else None


class _Asker:
    """Asks one host its follow-ups, one after the other, with pauses."""

    def __init__(
        self, grabber: Grabber, recorder: Recorder, resolver: Resolver | None, pause_s: float
    ) -> None:
        self._grabber = grabber
        self._recorder = recorder
        self._resolver = resolver
        self._pause_s = pause_s

    async def ask(self, host: _Host, progress: FollowupProgress) -> None:
        for number, ask in enumerate(host.asks):
            if number:
                await asyncio.sleep(self._pause_s)
            await self._ask(host.ip, ask)
            progress.asked += 1
        progress.hosts_done += 1

    async def _ask(self, ip: str, ask: FollowupAsk) -> None:
        service, special = SERVICE_BY_NAME[ask.service], ask.special
        if ask.purpose == ENUMERATE:
            for row in await Enumerator(self._grabber, ip, service, self._pause_s).enumerate():
                self._recorder.add_enumeration(row)
            return
        if ask.purpose == SNI_PTR:
            name = await ptr_name(ip, self._resolver)
            if name is None:
                return
            special = {"server_name": name}
        self._recorder.add_followup(await self._grabber.grab(ip, service, **special), ask.purpose)


def _work(study: Study, first_grabs: FirstGrabs) -> Iterator[_Host]:
    """Hosts with something left to ask again."""
    wanted = study.settings.followups
    path = wanted.server_names_file
    names = read_server_names(study.path(path)) if path is not None else {}
    for ip, grabs in groupby(first_grabs, lambda grab: grab.ip):
        asks = tuple(ask for grab in grabs for ask in followups_of(grab, wanted, names))
        if asks:
            yield _Host(ip, asks)
