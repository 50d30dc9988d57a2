"""The network between office and vantages: Dask distributed.

The office is a Dask scheduler, a vantage a Dask worker, a piece a task. Dask knows who is there, gives a piece to
whoever is free, gives it to somebody else when a worker has died, and carries messages, in the clear on loopback and
over TLS elsewhere. It decides nothing about asking: a task begins by asking the office for a lease, and a task that
runs twice is told to wait or that all is done.

Whoever can speak to a Dask scheduler or worker can run programs there. So none of them listens beyond loopback
without TLS, where each side proves that it has a certificate of the same authority.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar, cast

import dask
import uvloop
from distributed import Client, Reschedule, Scheduler, Security, Worker, WorkerPlugin, get_worker, secede
from distributed.core import Status

from mailcensus import __version__
from mailcensus.study import StageFailed, StudyError
from mailcensus.vantages.asking import Stopped, ask_piece
from mailcensus.vantages.leases import LeaseLost
from mailcensus.vantages.messages import Progress, Renewed, Start, Unreachable
from mailcensus.vantages.mirror import Changes
from mailcensus.vantages.office import StudyOffice
from mailcensus.vantages.places import Place, Tls

T = TypeVar("T")

_CALLS = ("begin", "fetch", "renew", "bring", "end")
_PREFIX = "mailcensus_"
_LOST, _REFUSED = "lost", "refused"
_SETTINGS = {
    "distributed.scheduler.work-stealing": True,
    "distributed.scheduler.worker-saturation": 1.0,  # a piece to each vantage; the others wait at the office
    "distributed.scheduler.allowed-failures": 1_000_000,  # vantages die, pieces do not
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "15s",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
}
_NO_DASHBOARD = "127.0.0.1:0"
"""Dask opens a port for it in any case; nothing is served there."""
_PLUGIN = "vantage"
_LOOK_S = 0.5

logging.getLogger("distributed").setLevel(logging.ERROR)


def _security(tls: Tls | None) -> Security | None:
    if tls is None:
        return None
    roles = ("scheduler", "worker", "client")
    return Security(
        require_encryption=True,
        tls_ca_file=str(tls.authority),
        **{f"tls_{role}_cert": str(tls.certificate) for role in roles},
        **{f"tls_{role}_key": str(tls.key) for role in roles},
    )


async def hold_office(
    office: StudyOffice,
    place: Place,
    tls: Tls | None,
    *,
    on_open: Callable[[str], None],
    on_progress: Callable[[StudyOffice], None],
) -> None:
    """Hand out the pieces of an office until none is left.

    Args:
        on_open: told the address that vantages join.
        on_progress: called every second.

    Raises:
        StudyError: the place is taken, or a file cannot be written.
    """
    security = _security(tls)
    with dask.config.set(_SETTINGS):
        try:
            scheduler = await Scheduler(
                host=place.host,
                port=place.port,
                protocol="tcp" if tls is None else "tls",
                security=security,
                dashboard=False,
                dashboard_address=_NO_DASHBOARD,
            )
        except OSError as error:
            raise StudyError(
                f"{place.url(tls)}: cannot listen there ({error}); name another --listen"
            ) from None
        async with scheduler:
            for name in _CALLS:
                scheduler.handlers[_PREFIX + name] = _answering(getattr(office, name))
            on_open(scheduler.address)
            async with Client(scheduler.address, security=security, asynchronous=True) as client:
                await _until_done(office, client, on_progress)
                await client.run(_say_it_is_over, on_error="ignore")  # some may be dying


async def _until_done(
    office: StudyOffice, client: Client, on_progress: Callable[[StudyOffice], None]
) -> None:
    tasks = [client.submit(ask, name, key=f"piece-{name}", pure=False) for name in office.left]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(_LOOK_S)
        on_progress(office)
        if office.trouble is not None:
            raise office.trouble
    await client.gather(tasks)  # raises what a bug of ours raised at a vantage
    if office.left:
        raise StageFailed(f"pieces {', '.join(office.left)} were not brought; run the same command again")


def _answering(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """One kind of message at the office: a call, from plain values and to plain values."""

    async def answer(version: str, **message: Any) -> Any:
        if version != __version__:
            return {
                _REFUSED: f"the office runs mailcensus {__version__}, this vantage {version}; install the same"
            }
        if "progress" in message:
            message["progress"] = Progress(**message["progress"])
        if "new" in message:
            message["new"] = Changes(tuple(message["new"]["names"]), message["new"]["files"])
        try:
            came = await call(**message)
        except LeaseLost as error:
            return {_LOST: str(error)}
        return {"answer": asdict(came) if isinstance(came, Start | Renewed) else came}

    return answer


class _Vantage(WorkerPlugin):
    """What a worker knows of itself."""

    name = _PLUGIN

    def __init__(self, called: str) -> None:
        self.called = called
        self.loop = asyncio.get_running_loop()
        self.stopping = threading.Event()
        self.asking: set[str] = set()
        self.trouble: StudyError | None = None
        self.is_over = False

    def leave(self, trouble: StudyError) -> None:
        """End this vantage, and say why."""
        self.trouble = trouble
        self.stopping.set()


def ask(piece: str) -> None:
    """A piece as a task: runs in a thread of a worker, with an event loop of its own."""
    worker = get_worker()
    vantage = cast(_Vantage, worker.plugins[_PLUGIN])
    vantage.asking.add(piece)
    try:
        is_done = not vantage.stopping.is_set() and _is_asked(worker, vantage, piece)
    finally:
        vantage.asking.discard(piece)
    if not is_done:
        raise Reschedule  # somebody else asks it now, or will


def _is_asked(worker: Worker, vantage: _Vantage, piece: str) -> bool:
    """Ask a piece; False where that came to nothing. What this machine cannot mend makes it leave."""
    try:
        uvloop.run(
            ask_piece(
                _RemoteOffice(worker, vantage.loop),
                piece,
                vantage.called,
                renewing=vantage.loop,
                is_stopping=vantage.stopping.is_set,
                on_rest=secede,
            )
        )
    except (Stopped, LeaseLost, Unreachable):
        return False
    except StudyError as error:
        vantage.leave(error)
        return False
    except OSError as error:
        vantage.leave(StageFailed(f"this vantage cannot go on: {error}"))
        return False
    return True


class _RemoteOffice:
    """The office, from a vantage. Its messages go through the worker's own loop."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._loop = loop

    async def begin(self, piece: str, holder: str, vantage: str) -> Start:
        told = await self._call("begin", piece=piece, holder=holder, vantage=vantage)
        return Start(**{**told, "parts": tuple(told["parts"])})

    async def fetch(self, piece: str, part: str) -> bytes:
        return bytes(await self._call("fetch", piece=piece, part=part))

    async def renew(
        self, holder: str, kept_to: int, wants: int | None, progress: Progress, exclusions_version: int
    ) -> Renewed:
        told = await self._call(
            "renew",
            holder=holder,
            kept_to=kept_to,
            wants=wants,
            progress=asdict(progress),
            exclusions_version=exclusions_version,
        )
        return Renewed(**told)

    async def bring(self, holder: str, new: Changes, progress: Progress, *, is_done: bool) -> None:
        told = {"names": list(new.names), "files": dict(new.files)}
        await self._call("bring", holder=holder, new=told, progress=asdict(progress), is_done=is_done)

    async def end(self, holder: str) -> None:
        await self._call("end", holder=holder)

    async def _call(self, name: str, **message: Any) -> Any:
        call = getattr(self._worker.scheduler, _PREFIX + name)(version=__version__, **message)
        future = asyncio.run_coroutine_threadsafe(_awaited(call), self._loop)
        try:
            answer: Mapping[str, Any] = await asyncio.wrap_future(future)
        except OSError as error:
            raise Unreachable(str(error)) from None
        except RuntimeError as error:  # Dask's word for a worker that is closing
            if self._worker.status is Status.running:
                raise
            raise Unreachable(str(error)) from None
        if _LOST in answer:
            raise LeaseLost(answer[_LOST])
        if _REFUSED in answer:
            raise StudyError(answer[_REFUSED])
        return answer["answer"]


async def _awaited(call: Awaitable[T]) -> T:
    return await call


def _say_it_is_over(dask_worker: Worker) -> None:
    cast(_Vantage, dask_worker.plugins[_PLUGIN]).is_over = True


async def join(
    place: Place, name: str, listen: Place, tls: Tls | None, *, stop: asyncio.Event, wait_s: float
) -> None:
    """Be a vantage until the office has nothing more to ask, or until told to stop.

    Args:
        place: where the office is.
        name: of this vantage; no two may have the same.
        listen: where this vantage listens to the office; port 0: any.
        stop: set from outside to leave; what is being asked goes to others.
        wait_s: how long to look for the office.

    Raises:
        StudyError: the name is taken.
        StageFailed: the office cannot be reached any more, or this machine cannot go on.
    """
    vantage = _Vantage(name)
    with dask.config.set({**_SETTINGS, "distributed.comm.timeouts.connect": f"{wait_s}s"}):
        worker = Worker(
            place.url(tls),
            nthreads=1,
            name=name,
            host=listen.host,
            port=listen.port,
            protocol="tcp" if tls is None else "tls",
            security=_security(tls),
            dashboard_address=_NO_DASHBOARD,
            memory_limit=0,
            death_timeout=wait_s,
            plugins=(vantage,),
            silence_logs=logging.ERROR,
        )
        try:
            await worker
        except (OSError, TimeoutError) as error:
            raise StageFailed(f"{place.url(tls)}: no office there ({error}); begin it first") from None
        except ValueError as error:
            raise StudyError(f"--name {name}: {error}") from None
        try:
            await _until_over(worker, vantage, stop)
        finally:
            vantage.stopping.set()
            while vantage.asking:  # its last word goes through the worker
                await asyncio.sleep(0.05)
            await worker.close()
    if vantage.trouble is not None:
        raise vantage.trouble
    if not vantage.is_over and not stop.is_set():
        raise StageFailed(f"{place.url(tls)}: the office has gone; begin it again, then join again")


async def _until_over(worker: Worker, vantage: _Vantage, stop: asyncio.Event) -> None:
    while worker.status is Status.running and not stop.is_set() and not vantage.stopping.is_set():
        await asyncio.sleep(0.1)
