"""Makes a plan's hosts listen."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

from mailcensus.lab.connection import Connection, House, Station
from mailcensus.lab.contexts import Contexts
from mailcensus.lab.http import HttpResponder
from mailcensus.lab.imap import ImapResponder
from mailcensus.lab.ledger import Ledger, Visit
from mailcensus.lab.material import Material
from mailcensus.lab.plan import Plan, ServicePlan
from mailcensus.lab.pop3 import Pop3Responder
from mailcensus.lab.responder import Responder
from mailcensus.lab.smtp import SmtpResponder
from mailcensus.lab.ssh import SshResponder
from mailcensus.study import StudyError

_BACKLOG = 128
_SPARE_FILES = 1_500
"""File descriptors for connections, beside those that listen."""
_MUTE_FILLERS = 2
"""Connections that fill the accept queue of a listener with backlog 0, so that the kernel drops further SYNs."""


@asynccontextmanager
async def listening(
    plan: Plan, ledger: Ledger, material: Material | None = None, *, wildcard: bool = False
) -> AsyncIterator[None]:
    """All of a plan's services, listening while the context lasts.

    Args:
        plan: whom to play.
        ledger: where every connection is noted.
        material: the plan's keys, where they are made already.
        wildcard: one socket a port on 0.0.0.0, for many hosts in a network namespace of their own. Ports that are
            dead in the plan then reset the connection instead of refusing it; mute ports do not exist.
    Raises:
        StudyError: an address cannot be bound, or there are more listeners than the system allows.
    """
    house = _house(plan, ledger, material or Material(plan))
    loop = asyncio.get_running_loop()
    _allow_files((9 if wildcard else len(house.stations)) + _SPARE_FILES)
    with contextlib.ExitStack() as sockets:
        servers = []
        for address, port, mute in _addresses(plan, wildcard):
            listener = sockets.enter_context(_listener(address, port, 0 if mute else _BACKLOG))
            if mute:
                for filler in _fillers(address, port):
                    sockets.enter_context(filler)
            else:
                servers.append(await loop.create_server(partial(Connection, house), sock=listener))
        try:
            yield
        finally:
            for server in servers:
                server.close()


def _house(plan: Plan, ledger: Ledger, material: Material) -> House:
    contexts = Contexts(material)

    def context(service: ServicePlan) -> ssl.SSLContext:
        assert service.certificate is not None
        return contexts.get(service.certificate, service.tls_versions)

    def responder(service: ServicePlan, visit: Visit) -> Responder:
        if service.protocol == "ssh":
            assert service.host_key is not None
            return SshResponder(service, visit, material.key(service.host_key))
        return _TEXT_RESPONDERS[service.protocol](service, visit)

    stations = {
        (host.ip, service.port): Station(host, service, service.refusals)
        for host in plan.hosts
        for service in host.services
    }
    return House(stations, ledger, responder, context)


_TEXT_RESPONDERS: dict[str, Callable[[ServicePlan, Visit], Responder]] = {
    "smtp": SmtpResponder,
    "pop3": Pop3Responder,
    "imap": ImapResponder,
    "http": HttpResponder,
}


def _addresses(plan: Plan, wildcard: bool) -> Iterator[tuple[str, int, bool]]:
    """Address, port and whether it is mute, for each socket to listen on."""
    if wildcard:
        ports = {service.port for host in plan.hosts for service in host.services}
        yield from (("0.0.0.0", port, False) for port in sorted(ports))
        return
    for host in plan.hosts:
        for service in host.services:
            yield host.ip, service.port, service.mute


def _listener(address: str, port: int, backlog: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise StudyError(
            f"lab: cannot listen on {address}:{port}: {error.strerror}; is another lab running, or is the port"
            " below 1024 without root?"
        ) from None
    listener.setblocking(False)
    return listener


def _fillers(address: str, port: int) -> Iterator[socket.socket]:
    for _ in range(_MUTE_FILLERS):
        filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        filler.setblocking(False)
        filler.connect_ex((address, port))
        yield filler


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (ValueError, OSError):
        raise StudyError(
            f"lab: needs {needed} open files, the system allows {hard}; take a smaller lab or raise `ulimit -Hn`"
        ) from None
