"""Hits on their way from discovery to collection, while both go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from mailcensus.dataset.names import Names, name_of
from mailcensus.model import Hit


class Arriving:
    """Addresses that answered, each once, in the order in which their hits were stored.

    Only hits that are on disk come here, so a grab on disk always has its hit.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Begin; `known` are addresses that collection knows of already."""
        self._known = Names(map(name_of, known))
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def put(self, hits: Sequence[Hit]) -> None:
        """Hits that were stored; never waits."""
        for hit in hits:
            if self._known.add(name_of(hit.ip)):
                self._queue.put_nowait(hit.ip)

    def end(self) -> None:
        """No more will come."""
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (ip := await self._queue.get()) is not None:
            yield ip
