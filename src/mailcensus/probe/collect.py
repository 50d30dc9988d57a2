"""The collect stage of a study: every service of every hit, resumable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mailcensus.dataset.exchange_names import exchange_names_of
from mailcensus.dataset.pending import HostWork, Pending, first_asks, grab_counts
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.probe.arriving import Arriving
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.descriptors import make_room_for
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.probe.grab import Grabber
from mailcensus.probe.trouble import first_trouble
from mailcensus.probe.way import Way
from mailcensus.study import Study, StudyError
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.hello import PROFILES

STAGE = "collect"


async def collect(
    study: Study,
    run: CurrentRun,
    on_progress: Callable[[CollectProgress], None],
    *,
    dialer: Dialer | None = None,
    way: Way | None = None,
    arriving: Arriving | None = None,
    server_names: Mapping[str, str] | None = None,
) -> None:
    """Ask what is left to ask; does nothing where the stage is done.

    Whatever ends it, the grabs that were complete are on disk when it returns or raises.

    Args:
        dialer: the door, where others use it at the same time; one of its own where none is given.
        way: says whether the way out is open.
        arriving: further hits, while discovery goes on; the stage ends when they have.
        server_names: by address, what its TLS is asked for (SNI); those of the run's mail exchanges where none are
            given.

    Raises:
        StudyError: study.toml names what is not there, the disk is full, this machine is out of sockets.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    check_settings(study)
    now = datetime.now(UTC)
    if run.begin(STAGE, now).state is StageState.DONE:
        return
    settings = study.settings
    make_room_for(settings.politeness.in_flight)
    services, attempts = settings.collect.services, 1 + len(settings.collect.rate_limited_pauses_s)
    left = Pending(run.data, run.run_id, services, attempts)
    progress = CollectProgress(hosts=len(left))
    recorder = Recorder(run.data)
    try:
        async with open_door(study, run, dialer) as door:
            grabber = Grabber(settings, run.run_id, door)
            names = exchange_names(study, run) if server_names is None else server_names
            collector = Collector(settings, grabber, recorder, progress, on_progress, way, names)
            await collector.collect(left if arriving is None else _both(left, arriving, services, progress))
    except BaseExceptionGroup as errors:
        raise first_trouble(errors) from None
    finally:
        recorder.close()
    recorder.compact()
    counts = grab_counts(run.data, run.run_id)
    run.finish(
        stage_row(
            run,
            STAGE,
            settings,
            asked=counts.grabs,
            answered=counts.ok,
            excluded=counts.excluded,
            hello_profile=settings.collect.hello_profile,
        )
    )


def exchange_names(study: Study, run: CurrentRun) -> Mapping[str, str]:
    """By address, under which name of an exchange it is asked; nothing where the study has no domains."""
    return {} if study.settings.domains.list is None else exchange_names_of(run.data, run.run_id)


async def _both(
    left: Iterable[HostWork], arriving: Arriving, services: Sequence[str], progress: CollectProgress
) -> AsyncIterator[HostWork]:
    """What is left of earlier sessions, then every hit as it comes in."""
    for host in left:
        yield host
    everything = first_asks(services)
    async for ip in arriving:
        progress.hosts += 1
        yield HostWork(ip, everything)


def check_settings(study: Study) -> None:
    """What only this room can know about a study's settings.

    Raises:
        StudyError: no such service or hello profile.
    """
    path = study.directory / "study.toml"
    for where, names in (
        ("collect.services", study.settings.collect.services),
        ("ports", study.settings.ports),
    ):
        for name in names:
            if name not in SERVICE_BY_NAME:
                raise StudyError(f"{path}: {where}: no service {name!r}; `mailcensus ports` lists them")
    profile = study.settings.collect.hello_profile
    if profile not in PROFILES:
        raise StudyError(
            f"{path}: collect.hello_profile: no profile {profile!r}; there are: {', '.join(PROFILES)}"
        )
