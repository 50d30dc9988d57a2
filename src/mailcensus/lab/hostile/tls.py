"""Peers that misbehave in TLS, behind an honest SMTP STARTTLS or, told so, from the first byte.

Handshake bytes are written out by hand here (RFC 5246 section 7.4), since no library would make them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

from mailcensus.lab.hostile.peer import HostilePeer, stall
from mailcensus.model import Outcome

T = TypeVar("T")

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _HELLO_REQUEST = 2, 11, 0
_RECORD_BYTES = 16_384


class _TlsPeer(HostilePeer):
    """Plays SMTP honestly up to the 220 that answers STARTTLS."""

    def __init__(self, *, implicit: bool = False) -> None:
        super().__init__()
        self._implicit = implicit

    async def misbehave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._implicit:
            await self.send(writer, b"220 mx.lab.example ESMTP\r\n")
            await reader.readline()
            await self.send(writer, b"250-mx.lab.example\r\n250 STARTTLS\r\n")
            await reader.readline()
            await self.send(writer, b"220 2.0.0 Ready to start TLS\r\n")
        await self.shake(reader, writer)

    @abstractmethod
    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What it does instead of a handshake. The ClientHello is not read yet."""


class PlaintextAfterStarttls(_TlsPeer):
    """Goes on in the clear."""

    outcomes = (Outcome.TLS_ERROR, Outcome.PROTOCOL_ERROR)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await self.send(writer, b"454 4.7.0 TLS not available due to local problem\r\n")
        await stall(reader)


class SilenceAfterStarttls(_TlsPeer):
    """Never answers the ClientHello."""

    outcomes = (Outcome.TIMEOUT,)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stall(reader)


class TlsAlert(_TlsPeer):
    """Answers with a fatal alert: handshake_failure."""

    outcomes = (Outcome.TLS_ALERT,)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        await self.send(writer, _record(_ALERT, bytes([2, 40])))
        writer.write_eof()
        await stall(reader)


class MalformedTlsLengths(_TlsPeer):
    """A ServerHello whose session id claims to be longer than the message."""

    outcomes = (Outcome.TLS_ERROR, Outcome.PROTOCOL_ERROR)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        body = b"\x03\x03" + bytes(32) + b"\xff" + b"short"
        await self.send(writer, _record(_HANDSHAKE, _message(_SERVER_HELLO, body)))
        await stall(reader)


class HugeCertificate(_TlsPeer):
    """A Certificate message that claims 16 MB and sends as much of it as it is told to."""

    outcomes = (Outcome.LIMIT,)

    def __init__(
        self, *, implicit: bool = False, claimed_bytes: int = 0xFFFFFF, sent_bytes: int = 1_000_000
    ) -> None:
        super().__init__(implicit=implicit)
        self._claimed_bytes = claimed_bytes
        self._sent_bytes = sent_bytes

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        await self.send(writer, _record(_HANDSHAKE, _server_hello()))
        list_bytes, one_bytes = self._claimed_bytes - 3, self._claimed_bytes - 6
        head = bytes([_CERTIFICATE]) + b"".join(
            length.to_bytes(3, "big") for length in (self._claimed_bytes, list_bytes, one_bytes)
        )
        await self.send(writer, _record(_HANDSHAKE, head))
        for _ in range(0, self._sent_bytes, _RECORD_BYTES):
            await self.send(writer, _record(_HANDSHAKE, b"\x30" * _RECORD_BYTES))
        await stall(reader)


class EndlessHandshake(_TlsPeer):
    """HelloRequests for ever: messages a client is told to pass over (RFC 5246 section 7.4.1.1)."""

    outcomes = (Outcome.LIMIT, Outcome.TLS_ERROR)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        await self.send(writer, _record(_HANDSHAKE, _server_hello()))
        while not writer.is_closing():
            await self.send(writer, _record(_HANDSHAKE, _message(_HELLO_REQUEST, b"") * 64))


class EmptyRecords(_TlsPeer):
    """Handshake records without content, for ever."""

    outcomes = (Outcome.LIMIT, Outcome.TLS_ERROR, Outcome.PROTOCOL_ERROR)

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        while not writer.is_closing():
            await self.send(writer, _record(_HANDSHAKE, b"") * 256)


class _HonestTls(_TlsPeer):
    """A real TLS server whose bytes are delivered oddly. Behind TLS it knows EHLO and QUIT."""

    outcomes = (Outcome.OK,)

    def __init__(self, context: ssl.SSLContext, *, implicit: bool = False) -> None:
        super().__init__(implicit=implicit)
        self._context = context

    @abstractmethod
    async def deliver(self, writer: asyncio.StreamWriter, flight: bytes, *, first: bool) -> None:
        """Send what OpenSSL made; `first` is its first flight."""

    async def shake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        talk = self._talk(tls)
        first = True
        while data := await reader.read(65_536):
            incoming.write(data)
            over = next(talk, True)
            if flight := outgoing.read():
                await self.deliver(writer, flight, first=first)
                first = False
            if over:
                return

    def _talk(self, tls: ssl.SSLObject) -> Iterator[bool]:
        """The whole session; yields False where it needs more bytes, ends when it is over."""
        yield from _patient(tls.do_handshake)
        if self._implicit:
            tls.write(b"220 mx.lab.example ESMTP\r\n")
        said = b""
        while True:
            heard = yield from _patient(lambda: tls.read(65_536))
            if heard is None or heard == b"":
                return
            said += heard
            while b"\n" in said:
                line, said = said.split(b"\n", 1)
                if line.upper().startswith(b"QUIT"):
                    tls.write(b"221 Bye\r\n")
                    with contextlib.suppress(ssl.SSLError):  # ours is sent; theirs is not waited for
                        tls.unwrap()
                    return
                tls.write(b"250 mx.lab.example\r\n")


class TlsByteByByte(_HonestTls):
    """Every byte is written on its own."""

    async def deliver(self, writer: asyncio.StreamWriter, flight: bytes, *, first: bool) -> None:
        for byte in flight:
            await self.send(writer, bytes([byte]))
            await asyncio.sleep(0)


class TlsTinyRecords(_HonestTls):
    """Every byte of its plain handshake messages is a TLS record of its own, as RFC 8446 section 5.1 allows."""

    async def deliver(self, writer: asyncio.StreamWriter, flight: bytes, *, first: bool) -> None:
        await self.send(writer, _shredded(flight) if first else flight)


def _patient(step: Callable[[], T]) -> Generator[bool, None, T | None]:
    """Do a step of TLS, as often as it takes for enough bytes to come; None: TLS has failed."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            yield False
        except ssl.SSLError:
            return None


def _shredded(flight: bytes) -> bytes:
    """The same flight, its handshake records cut into records of one byte."""
    out = b""
    while flight:
        end = 5 + int.from_bytes(flight[3:5], "big")
        head, content, record = flight[:3], flight[5:end], flight[:end]
        if record[0] == _HANDSHAKE:
            record = b"".join(head + b"\x00\x01" + content[n : n + 1] for n in range(len(content)))
        out += record
        flight = flight[end:]
    return out


def _server_hello() -> bytes:
    """TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (0xC02B), no extensions."""
    return _message(_SERVER_HELLO, b"\x03\x03" + bytes(range(32)) + b"\x00" + b"\xc0\x2b" + b"\x00")


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def _record(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + b"\x03\x03" + len(content).to_bytes(2, "big") + content
