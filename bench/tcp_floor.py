"""The floor: a connection that reads the greeting, writes one command and closes. No client can cost less."""

from __future__ import annotations

import asyncio
from typing import cast


class _Touch(asyncio.Protocol):
    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but does not say so

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


async def touch(address: str, port: int) -> None:
    """One such connection."""
    _, protocol = await asyncio.get_running_loop().create_connection(_Touch, address, port)
    await protocol.closed
