"""What carries an exchange: a connection on loopback, and an exchange of two words."""

from __future__ import annotations

import asyncio
import socket

from mailcensus.model import Outcome, Stage
from mailcensus.probe.transport import GrabTransport
from mailcensus.study.sections import DeadlinesSection
from mailcensus.wire.exchange import Findings


class TwoWords:
    """Says hello, and something again once the server has answered, which is behind TLS."""

    def __init__(self) -> None:
        self.stage = Stage.TLS
        self.outcome: Outcome | None = None
        self.error: str | None = None

    def start(self) -> bytes:
        return b"hello"

    def receive(self, data: bytes) -> bytes:
        self.stage = Stage.SESSION
        return b"finished"

    def eof(self) -> None:
        self.give_up(Outcome.CLOSED, "closed")

    def give_up(self, outcome: Outcome, error: str) -> None:
        self.outcome, self.error = outcome, error

    def findings(self) -> Findings:
        return Findings()


async def acknowledges_at_once() -> bool:
    """Whether the kernel does so after our last word of the handshake."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        carrier = GrabTransport(TwoWords(), DeadlinesSection(), loop.time, loop.create_future())
        transport, _ = await loop.create_connection(lambda: carrier, *listener.getsockname())
        server, _ = await loop.sock_accept(listener)
        with server:
            assert await loop.sock_recv(server, 100) == b"hello"
            await loop.sock_sendall(server, b"hello yourself")
            assert await loop.sock_recv(server, 100) == b"finished"
            end = transport.get_extra_info("socket")
            at_once = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        await carrier.done
    return bool(at_once)


def test_session_tickets_are_acknowledged_at_once_so_that_the_server_can_go_on() -> None:
    assert asyncio.run(acknowledges_at_once())
