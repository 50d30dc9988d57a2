"""Serves an experiment until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime

import uvloop

from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import PolicyFetch, TlsReport
from mailcensus.senders.certificates import Certificates
from mailcensus.senders.conditions import Shows
from mailcensus.senders.connection import Connection, Station
from mailcensus.senders.contexts import Contexts, unavailable
from mailcensus.senders.deferrals import Deferrals
from mailcensus.senders.gate import Gate
from mailcensus.senders.house import House, PostRecipients
from mailcensus.senders.keeping import Keeper
from mailcensus.senders.plan import read_plan
from mailcensus.senders.reverse_names import ReverseNames
from mailcensus.senders.watch_file import WatchFile
from mailcensus.senders.web import Web
from mailcensus.study import StageFailed, Study, StudyError

_BEAT_S = 2.0
"""Attempts that are over become rows this often, and the sign of life is renewed."""
_BACKLOG = 256


def certificates_of(study: Study) -> Certificates:
    """The certificates of a study's experiment."""
    return Certificates(study.directory / "senders" / "certificates")


def serve(study: Study, *, on_ready: Callable[[House], None]) -> int:
    """Serve until SIGTERM or SIGINT; gives the number of attempts recorded.

    Args:
        on_ready: called once everything listens.
    Raises:
        StudyError: there is no plan, an address cannot be listened at, another process serves.
        StageFailed: the disk is full.
    """
    plan = read_plan(study)
    if plan is None:
        raise StudyError(f"{study.directory}: no experiment is planned; run: mailcensus senders plan")
    study.data.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(study.data)
    try:
        settings = study.settings.senders
        contexts = Contexts(certificates_of(study), datetime.now(UTC))
        reports = PartWriter(study.data, "tls_reports", TlsReport)
        house = House(
            plan=plan,
            settings=settings,
            contexts=contexts,
            keeper=Keeper(study.data),
            deferrals=Deferrals.of_dataset(study.data, plan.run_id),
            gate=Gate(
                connections=settings.connections,
                client_connections=settings.client_connections,
                connections_per_s=settings.connections_per_s,
            ),
            names=ReverseNames(ask=settings.reverse_names),
            keep_report=reports.write,
        )
        uvloop.run(_until_stopped(study, house, on_ready))
        return house.keeper.recorded
    finally:
        lock.release()


async def _until_stopped(study: Study, house: House, on_ready: Callable[[House], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    fetches = _Fetches(study)
    async with _listening(study, house, fetches.waiting.append):
        watch = WatchFile(study.data, house.plan.run_id, datetime.now(UTC))
        on_ready(house)
        while not stop.is_set():
            _beat(house, watch, fetches)
            try:
                await asyncio.wait_for(stop.wait(), _BEAT_S)
            except TimeoutError:
                pass
    await asyncio.sleep(0)  # connections that were closed say so
    _beat(house, watch, fetches)
    house.keeper.close()
    watch.close()


def _beat(house: House, watch: WatchFile, fetches: _Fetches) -> None:
    house.keeper.flush()
    fetches.flush()
    watch.alive(datetime.now(UTC), attempts=house.keeper.recorded, dropped=house.gate.dropped)
    if house.trouble:
        raise StageFailed(str(house.trouble[0]))


class _Fetches:
    """Requests to the policy server that wait to be written."""

    def __init__(self, study: Study) -> None:
        self._parts = PartWriter(study.data, "policy_fetches", PolicyFetch)
        self.waiting: list[PolicyFetch] = []

    def flush(self) -> None:
        self._parts.write(self.waiting)
        self.waiting.clear()


@asynccontextmanager
async def _listening(study: Study, house: House, keep: Callable[[PolicyFetch], None]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        for post in house.plan.posts:
            if unavailable(house.contexts, post.plays) is not None:
                continue  # the table of conditions says so
            station = Station(post, PostRecipients(house.plan, post))
            with _clear(post.ip, post.port):
                server = await loop.create_server(
                    lambda station=station: Connection(house, station),  # type: ignore[misc]
                    post.ip,
                    post.port,
                    backlog=_BACKLOG,
                )
            stack.push_async_callback(_closed, server)
        web = Web(house, certificates_of(study).path(Shows.VALID.value), keep)
        with _clear(house.plan.policy_ip, house.settings.https_port):
            server = await asyncio.start_server(
                web.serve, house.plan.policy_ip, house.settings.https_port, ssl=web.context
            )
        stack.push_async_callback(_closed, server)
        yield


async def _closed(server: asyncio.AbstractServer) -> None:
    server.close()


@contextmanager
def _clear(ip: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudyError(
            f"{ip}:{port}: cannot be listened at: {error.strerror or error}; see senders.addresses and the ports"
        ) from None
