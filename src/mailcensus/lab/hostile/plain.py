"""Peers that misbehave in the clear: slow, silent, endless, cut short, or not speaking the protocol at all."""

from __future__ import annotations

import asyncio
import random

from mailcensus.lab.connection import reset
from mailcensus.lab.hostile.peer import HostilePeer, stall
from mailcensus.model import Outcome

_GREETING = b"220 mx.lab.example ESMTP\r\n"
_ROOM = b"x" * 4_096


class Tarpit(HostilePeer):
    """A greeting line, one byte at a time, that never ends."""

    outcomes = (Outcome.TIMEOUT, Outcome.LIMIT)

    def __init__(self, every_s: float = 1.0) -> None:
        super().__init__()
        self._every_s = every_s

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"220-")
        while not writer.is_closing():
            await self.send(writer, b"x")
            await asyncio.sleep(self._every_s)


class EndlessBanner(HostilePeer):
    """Greeting lines for ever, as fast as they are read."""

    outcomes = (Outcome.LIMIT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await self.send(writer, b"220-welcome to mx.lab.example\r\n" * 100)


class EndlessLine(HostilePeer):
    """One greeting line without an end, as fast as it is read."""

    outcomes = (Outcome.LIMIT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"220 ")
        while not writer.is_closing():
            await self.send(writer, _ROOM)


class SilentPort(HostilePeer):
    """Accepts and says nothing."""

    outcomes = (Outcome.TIMEOUT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stall(reader)


class Garbage(HostilePeer):
    """Random bytes with line ends among them, then closes."""

    outcomes = (Outcome.PROTOCOL_ERROR,)

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self._bytes = b"\x00\xff" + random.Random(seed).randbytes(2_000) + b"\r\n"

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, self._bytes)
        await stall(reader)


class DelayedGreeting(HostilePeer):
    """A good server without STARTTLS that greets late, as postscreen and spamd do."""

    outcomes = (Outcome.NO_STARTTLS,)

    def __init__(self, delay_s: float = 15.0) -> None:
        super().__init__()
        self._delay_s = delay_s
        self.early = False
        """Somebody spoke before the greeting."""

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = asyncio.ensure_future(reader.readline())
        done, _ = await asyncio.wait([first], timeout=self._delay_s)
        self.early = self.early or (bool(done) and first.result() != b"")
        await self.send(writer, _GREETING)
        if not await first:
            return
        await self.send(writer, b"250 mx.lab.example\r\n")
        await reader.readline()
        await self.send(writer, b"221 Bye\r\n")


class ResetAfterAccept(HostilePeer):
    """Accepts and resets."""

    outcomes = (Outcome.RESET,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer.transport)


class CloseAfterGreeting(HostilePeer):
    """Greets and closes."""

    outcomes = (Outcome.CLOSED, Outcome.RESET)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, _GREETING)


class HalfReply(HostilePeer):
    """Closes in the middle of the EHLO reply."""

    outcomes = (Outcome.CLOSED, Outcome.RESET)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, _GREETING)
        await reader.readline()
        await self.send(writer, b"250-mx.lab.example\r\n250-PIPELI")


class Greeting421(HostilePeer):
    """Always too busy."""

    outcomes = (Outcome.RATE_LIMITED,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"421 4.7.0 mx.lab.example Too many connections\r\n")
        writer.write_eof()
        await stall(reader)


class Ehlo421(HostilePeer):
    """Greets, then is too busy for EHLO."""

    outcomes = (Outcome.RATE_LIMITED,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, _GREETING)
        await reader.readline()
        await self.send(writer, b"421 4.3.2 mx.lab.example Service not available\r\n")
        writer.write_eof()
        await stall(reader)


class EndlessEhlo(HostilePeer):
    """An EHLO reply that goes on for ever."""

    outcomes = (Outcome.LIMIT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, _GREETING)
        await reader.readline()
        while not writer.is_closing():
            await self.send(writer, b"250-PIPELINING\r\n" * 100)


class ImapLiteralBomb(HostilePeer):
    """Announces a literal of 4 GiB and begins to send it."""

    service = "imap"
    outcomes = (Outcome.LIMIT, Outcome.PROTOCOL_ERROR)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"* OK ready\r\n")
        await reader.readline()
        await self.send(writer, b"* CAPABILITY {4294967295}\r\n")
        while not writer.is_closing():
            await self.send(writer, _ROOM)


class ImapBye(HostilePeer):
    """Says BYE instead of a greeting."""

    service = "imap"
    outcomes = (Outcome.RATE_LIMITED, Outcome.CLOSED, Outcome.PROTOCOL_ERROR)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n")
        writer.write_eof()
        await stall(reader)


class Pop3EndlessCapa(HostilePeer):
    """A CAPA reply that never comes to its dot."""

    service = "pop3"
    outcomes = (Outcome.LIMIT,)

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.send(writer, b"+OK ready\r\n")
        await reader.readline()
        await self.send(writer, b"+OK\r\n")
        while not writer.is_closing():
            await self.send(writer, b"UIDL\r\n" * 500)
