"""Peers in a process of their own that keep a connection for ever: silent, or a byte now and then.

One process holds all of them, on one port of all addresses of loopback. They do what `Tarpit` and `SilentPort` of
`mailcensus.lab.hostile` do, for less, since thousands of them share the machine with what is measured.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast

import uvloop

from places import fresh_network

_DRIP_STEPS = 20
"""A second's bytes are not written all at once but in this many portions of the connections."""


class _Peer(asyncio.Protocol):
    __slots__ = ("_dripping", "transport")

    def __init__(self, dripping: set[_Peer]) -> None:
        self._dripping = dripping

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._dripping.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._dripping.discard(self)


async def _serve(drip_every_s: float | None, ready: Connection) -> None:
    peers: set[_Peer] = set()
    listener = socket.create_server(("0.0.0.0", 0), backlog=8_192)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")  # all of loopback, and nothing else
    await asyncio.get_running_loop().create_server(lambda: _Peer(peers), sock=listener, backlog=8_192)
    ready.send(listener.getsockname()[1])
    portion = 0
    while True:
        await asyncio.sleep((drip_every_s or 3_600) / _DRIP_STEPS)
        for peer in list(peers)[portion::_DRIP_STEPS] if drip_every_s else ():
            peer.transport.write(b"x")
        portion = (portion + 1) % _DRIP_STEPS


def _run(drip_every_s: float | None, ready: Connection) -> None:
    raise_open_files()
    uvloop.run(_serve(drip_every_s, ready))


@contextmanager
def tarpits(*, drip_every_s: float | None = None) -> Iterator[tuple[str, int]]:
    """Serve until the block is left; gives two numbers of a network, all of whose addresses answer, and the port.

    Args:
        drip_every_s: how often each peer sends a byte of a line that never ends; None: never.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    network = fresh_network()
    process = context.Process(target=_run, args=(drip_every_s, theirs), daemon=True)
    process.start()
    try:
        yield network.rsplit(".", 1)[0], ours.recv()
    finally:
        process.terminate()
        process.join()


def addresses(network: str, count: int) -> list[str]:
    """The first addresses of a network of two numbers, 200 to each /24."""
    return [f"{network}.{number // 200}.{number % 200 + 1}" for number in range(count)]


def raise_open_files() -> None:
    """As many open files as we may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
