"""Carries one exchange over one TCP connection: moves bytes, keeps deadlines, closes politely."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from mailcensus.model import Outcome, Stage
from mailcensus.study.sections import DeadlinesSection
from mailcensus.wire.exchange import Exchange

_CLOSE_S = 2.0
"""How long a peer may take to close its side after we have closed ours."""
_DRAIN_BYTES = 65_536
"""What a peer may still say after the end of an exchange."""


class GrabTransport(asyncio.Protocol):
    """Drives an exchange until it has an outcome and the connection is gone.

    Attributes:
        deadline: loop time at which `expire` is due.
        bytes_in, bytes_out: what went over the wire.
        done: completes when the connection is closed for good.
    """

    __slots__ = (
        "_clock",
        "_deadlines",
        "_drained",
        "_end",
        "_exchange",
        "_stage",
        "_transport",
        "bytes_in",
        "bytes_out",
        "deadline",
        "done",
    )

    def __init__(
        self,
        exchange: Exchange,
        deadlines: DeadlinesSection,
        clock: Callable[[], float],
        done: asyncio.Future[None],
    ) -> None:
        self._exchange = exchange
        self._deadlines = deadlines
        self._clock = clock
        self._end = clock() + deadlines.grab_s
        self._stage: Stage | None = None
        self._transport: asyncio.Transport | None = None
        self._drained = 0
        self.deadline = self._end
        self.bytes_in = 0
        self.bytes_out = 0
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: the exchange begins."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but does not say so
        try:
            self._turn(self._exchange.start())
        except Exception as bug:
            self._surface(bug)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        exchange = self._exchange
        self.bytes_in += len(data)
        if exchange.outcome is None:
            try:
                self._turn(exchange.receive(data))
            except Exception as bug:
                self._surface(bug)
            return
        self._drained += len(data)
        if self._drained > _DRAIN_BYTES and self._transport is not None:
            self._transport.abort()

    def eof_received(self) -> None:
        """The peer closed its side; the transport closes ours."""
        self._exchange.eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is None:
            self._exchange.eof()
        else:
            self._exchange.give_up(Outcome.RESET, str(exc) or "connection reset by peer")
        self._transport = None
        if not self.done.done():
            self.done.set_result(None)

    def expire(self) -> None:
        """The deadline has passed."""
        exchange = self._exchange
        if exchange.outcome is None:
            limit = "the whole grab" if self.deadline >= self._end else f"stage {exchange.stage}"
            exchange.give_up(Outcome.TIMEOUT, f"deadline of {limit} passed")
        if self._transport is not None:
            self._transport.abort()

    def _surface(self, bug: Exception) -> None:
        """A bug of ours must end the run as a traceback; the loop would log it and call it a lost connection."""
        if not self.done.done():
            self.done.set_exception(bug)
        if self._transport is not None:
            self._transport.abort()

    def _turn(self, out: bytes) -> None:
        """Send what the exchange says; its turn over, the peer's time begins anew."""
        exchange, transport = self._exchange, self._transport
        if transport is None:
            return
        if out:
            self.bytes_out += len(out)
            transport.write(out)
        if exchange.outcome is not None:
            self.deadline = self._clock() + _CLOSE_S
            if exchange.outcome is Outcome.LIMIT:
                transport.abort()  # it may have megabytes on the way to us
            else:
                transport.write_eof()
        elif out or exchange.stage is not self._stage:
            if exchange.stage is Stage.SESSION and self._stage is not Stage.SESSION:
                _acknowledge_at_once(transport)
            self._stage = exchange.stage
            self.deadline = min(self._clock() + self._seconds(exchange.stage), self._end)

    def _seconds(self, stage: Stage) -> float:
        if stage is Stage.GREETING:
            return self._deadlines.greeting_s
        return self._deadlines.tls_s if stage is Stage.TLS else self._deadlines.reply_s


def _acknowledge_at_once(transport: asyncio.Transport) -> None:
    """Let the kernel acknowledge without the 40 ms it waits for something to send along (tcp(7), TCP_QUICKACK).

    Servers of TLS 1.3 write session tickets first and then what we asked for, and their kernel holds the second
    back until the first is acknowledged (RFC 896). The kernel forgets this once we send again; once is enough.
    """
    end: socket.socket | None = transport.get_extra_info("socket")
    if end is not None:
        with suppress(OSError):  # the connection is gone already: it will be told
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
