"""What every hostile peer is: a name, the service it is met on, what a careful client may make of it, and its deeds."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from mailcensus.model import Outcome


class HostilePeer(ABC):
    """A server that misbehaves in one way."""

    service: ClassVar[str] = "smtp"
    """The service a client should take it for."""
    outcomes: ClassVar[tuple[Outcome, ...]]
    """What a careful client may record; never anything else."""

    def __init__(self) -> None:
        self.visitors = 0
        """Connections so far."""
        self.bytes_sent = 0

    @abstractmethod
    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; it is closed on return. Raise nothing but OSError."""

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Send and wait until the kernel has room for more."""
        writer.write(data)
        self.bytes_sent += len(data)
        await writer.drain()


async def stall(reader: asyncio.StreamReader) -> None:
    """Say nothing more; read until the client leaves."""
    while await reader.read(65_536):
        pass


@asynccontextmanager
async def listening(
    peer: HostilePeer, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[str, int]]:
    """The peer at an address, while the context lasts; gives the address and port it listens on.

    Raises:
        OSError: the address cannot be bound.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer.visitors += 1
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await peer.misbehave(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, host, port)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
