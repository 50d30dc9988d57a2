"""The least that Python can do for a TLS 1.2 first flight: the same bytes to and fro, and nothing of a census.

Lines are not read but counted, no deadline is kept, nobody's exclusion is looked up, of the handshake only the lengths
are read, and what is left is a hash of the certificate. What ours takes beyond it is what a census asks for; what this
takes beyond the kernel's share is the price of an event loop in CPython.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from functools import lru_cache
from typing import cast

from mailcensus.wire.tls.hello import DEFAULT, build_client_hello

_CERTIFICATE, _SERVER_HELLO_DONE = 11, 14
_HEADERS = 5 + 4
"""Of a record and of a message; nginx sends one message a record."""
_CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"


class _FirstFlight(asyncio.Protocol):
    def __init__(self, ehlo: bytes) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.leaf: bytes | None = None
        self._say = iter((ehlo, b"STARTTLS\r\n", _hello()))
        self._flight = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        say = next(self._say, None)
        if self._transport is None:
            return
        if say is not None:
            self._transport.write(say)
            return
        self._flight += data
        if self._is_whole():
            self._transport.write(_CLOSE_NOTIFY)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    def _is_whole(self) -> bool:
        flight, at = self._flight, 0
        while at + _HEADERS <= len(flight):
            end = at + 5 + int.from_bytes(flight[at + 3 : at + 5], "big")
            if flight[at + 5] == _CERTIFICATE:
                self.leaf = hashlib.sha256(flight[at + _HEADERS : end]).digest()
            elif flight[at + 5] == _SERVER_HELLO_DONE:
                return end <= len(flight)
            at = end
        return False


async def first_flight(address: str, port: int, ehlo_name: str) -> None:
    """One such conversation.

    Raises:
        AssertionError: it came to no certificate.
    """
    ehlo = f"EHLO {ehlo_name}\r\n".encode()
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: _FirstFlight(ehlo), address, port
    )
    await protocol.closed
    assert protocol.leaf is not None


def _hello() -> bytes:
    before, after = _around_random()
    return before + os.urandom(32) + after


@lru_cache
def _around_random() -> tuple[bytes, bytes]:
    message = build_client_hello(DEFAULT, server_name=None, alpn=(), shares=[(29, os.urandom(32))]).message
    record = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    return record[:11], record[43:]
