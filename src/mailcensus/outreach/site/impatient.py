"""A connection of uvicorn's that does not wait for ever: it closes those that never finish a request's head."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

PATIENCE_S = 30.0
"""Longer than anything the site does takes; a busy connection gets as much again."""


class Impatient(H11Protocol):
    """Looks now and then whether an answer is under way; if none is, whoever holds the connection has had its time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self._looks = self.loop.call_later(PATIENCE_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """They have gone."""
        self._looks.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        # None until the first request, whatever uvicorn declares.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._looks = self.loop.call_later(PATIENCE_S, self._look)
        else:
            self.transport.close()
