"""The noise stage: who answers on ports where hardly anybody listens.

Some addresses take a connection on any port: middleboxes that answer for whole networks, tarpits, honeypots. On the
discovery port they are hits like any other. How many there are is measured on a sample of the population, drawn by a
permutation of its own, asked on every noise port. Where the study wants it, hits are asked on these ports too, until
one does not answer: one that answers all is marked in the analysis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun, StageState, stage_row
from mailcensus.dataset.seen import hits_of, noise_of
from mailcensus.discovery.connect import Answer, connect_once
from mailcensus.model import Noise, Run
from mailcensus.population import load_population
from mailcensus.population.order import AskingOrder
from mailcensus.probe.crowd import many_at_once
from mailcensus.probe.descriptors import make_room_for
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.door import open_door
from mailcensus.probe.trouble import first_trouble
from mailcensus.study import Settings, Study

STAGE = "noise"


@dataclass(slots=True)
class NoiseProgress:
    """How far the stage is."""

    addresses: int
    addresses_done: int = 0
    asked: int = 0
    answered: int = 0
    """Connections that stood."""


@dataclass(frozen=True, slots=True)
class _Work:
    ip: str
    sampled: bool
    ports: tuple[int, ...]
    """What is left to ask."""


def wants_noise(study: Study) -> bool:
    """Whether a study measures it."""
    return bool(study.settings.noise.ports)


async def measure_noise(
    study: Study,
    run: CurrentRun,
    on_progress: Callable[[NoiseProgress], None],
    *,
    dialer: Dialer | None = None,
) -> None:
    """Ask what is left to ask on the noise ports; does nothing where the stage is done.

    Whatever ends it, what was answered is on disk when it returns or raises, but for the last few seconds of a kill.

    Args:
        on_progress: called when it is known how much there is to ask, and after each address.
        dialer: the door, where others use it at the same time; one of its own where none is given.

    Raises:
        StudyError: the population is bad, the disk is full, this machine is out of sockets.
        asyncio.CancelledError: interrupted; run again to go on.
    """
    if run.begin(STAGE, datetime.now(UTC)).state is StageState.DONE:
        return
    settings = study.settings
    make_room_for(settings.politeness.in_flight)
    work = list(_work(study, run))
    rows = _Rows(run)
    progress = NoiseProgress(len(work))
    on_progress(progress)
    try:
        async with open_door(study, run, dialer) as door:
            asker = _Asker(door, rows, progress, settings.discovery.timeout_s)

            async def ask(one: _Work, _group: asyncio.TaskGroup) -> None:
                await asker.ask(one)
                on_progress(progress)

            slots = asyncio.Semaphore(settings.politeness.in_flight)
            await many_at_once(work, ask, slots=slots, flush=rows.flush, flush_s=settings.collect.flush_s)
    except BaseExceptionGroup as errors:
        raise first_trouble(errors) from None
    finally:
        rows.close()
    run.finish(noise_row(run, settings))


def noise_row(run: CurrentRun, settings: Settings) -> Run:
    """The row of `runs` for the stage, once all of it is on disk."""
    asked = [answered for _, _, _, answered in noise_of(run.data, run.run_id)]
    return stage_row(
        run,
        STAGE,
        settings,
        asked=len(asked) - asked.count(None),
        answered=asked.count(True),
        excluded=asked.count(None),
    )


class _Asker:
    """Asks one address on its ports, one after the other."""

    def __init__(self, dialer: Dialer, rows: _Rows, progress: NoiseProgress, timeout_s: float) -> None:
        self._dialer = dialer
        self._rows = rows
        self._progress = progress
        self._timeout_s = timeout_s

    async def ask(self, work: _Work) -> None:
        for port in work.ports:
            answered = await self._answers(work.ip, port)
            self._rows.add(work, port, answered)
            self._progress.asked += 1
            self._progress.answered += answered is True
            if not answered and not work.sampled:
                break  # it does not answer everything: what was to be known of a hit
        self._progress.addresses_done += 1

    async def _answers(self, ip: str, port: int) -> bool | None:
        answer, _ = await connect_once(self._dialer, ip, port, self._timeout_s)
        return None if answer is Answer.EXCLUDED else answer is Answer.HIT


class _Rows:
    """Rows of the table `noise` on their way to disk."""

    def __init__(self, run: CurrentRun) -> None:
        self._run_id = run.run_id
        self._parts = PartWriter(run.data, "noise", Noise)
        self._waiting: list[Noise] = []

    def add(self, work: _Work, port: int, answered: bool | None) -> None:
        self._waiting.append(
            Noise(
                run_id=self._run_id,
                asked_at=datetime.now(UTC),
                ip=work.ip,
                port=port,
                sampled=work.sampled,
                answered=answered,
            )
        )

    def flush(self) -> None:
        self._parts.write(self._waiting)
        self._waiting = []
        self._parts.compact_tiers()

    def close(self) -> None:
        self.flush()
        self._parts.compact()


def _work(study: Study, run: CurrentRun) -> Iterator[_Work]:
    """The sample, then the hits that are not in it, each with the ports it has not been asked on."""
    settings = study.settings.noise
    known: dict[tuple[str, bool], dict[int, bool | None]] = {}
    for ip, port, sampled, answered in noise_of(run.data, run.run_id):
        known.setdefault((ip, sampled), {})[port] = answered
    sample = set()
    for ip in _sample(study):
        sample.add(ip)
        yield from _left(ip, True, settings.ports, known.get((ip, True), {}))
    if settings.check_hits:
        hits = {
            ip: None for ip, _, canary in hits_of(run.data, run.run_id) if not canary and ip not in sample
        }
        for ip in hits:
            answers = known.get((ip, False), {})
            if all(answers.values()):
                yield from _left(ip, False, settings.ports, answers)


def _left(ip: str, sampled: bool, ports: tuple[int, ...], known: dict[int, bool | None]) -> Iterator[_Work]:
    left = tuple(port for port in ports if port not in known)
    if left:
        yield _Work(ip, sampled, left)


def _sample(study: Study) -> Iterator[str]:
    """Addresses drawn at random from all who may be asked, without replacement."""
    settings, everyone = study.settings.noise, load_population(study).prefixes
    order = AskingOrder(everyone, everyone, settings.seed, min(settings.sample, everyone.count))
    for _, addresses in order.chunks():
        yield from addresses
