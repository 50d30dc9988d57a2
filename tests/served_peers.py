"""Hostile peers of the lab, listening."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager

from mailcensus.lab.hostile import HostilePeer, listening
from mailcensus.wire.services import SERVICE_BY_NAME

PORT_OFFSET = 20_000
"""Their ports are those of their services and this much."""


@contextmanager
def all_listening(peers: Mapping[str, HostilePeer]) -> Iterator[None]:
    """The peers at their addresses, each on its service's port, in a thread of their own."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()

    async def open_all() -> None:
        for address, peer in peers.items():
            port = SERVICE_BY_NAME[peer.service].port + PORT_OFFSET
            await stack.enter_async_context(listening(peer, address, port))

    loop.run_until_complete(open_all())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(stack.aclose())
        loop.close()
