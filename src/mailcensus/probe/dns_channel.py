"""One UDP socket to one resolver: many questions at once, told apart by their numbers."""

from __future__ import annotations

import asyncio
import secrets
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!HHHHHH")
_RESPONSE = 0x8000
_RCODE = 0x000F
_MOST_OPEN = 16_384
"""Of 65,536 numbers; with more in use, drawing a free one takes longer and guessing one less."""


class Unreachable(Exception):
    """The resolver's host says that nobody is there, or there is no way to it."""


@dataclass(slots=True)
class _Open:
    question: bytes
    """The question section, in lower case."""
    answer: asyncio.Future[bytes]


class Channel(asyncio.DatagramProtocol):
    """Sends questions and gives each the datagram that answers it.

    A datagram counts only where number and question are those of an open question (RFC 5452 section 9.1); the socket
    is connected, so it comes from the resolver's address and port. Only an error may come without a question.
    """

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._open: dict[int, _Open] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: object) -> None:
        """An answer, or what somebody sends who only looks like the resolver."""
        if len(data) < _HEADER.size:
            return
        number, flags, questions, *_ = _HEADER.unpack_from(data)
        waiting = self._open.get(number)
        if waiting is None or not flags & _RESPONSE:
            return
        asked = data[_HEADER.size : _HEADER.size + len(waiting.question)].lower()
        if asked == waiting.question or (questions == 0 and flags & _RCODE):
            _settle(waiting.answer, data)

    def error_received(self, exc: Exception) -> None:
        """ICMP does not say which question it is about; it is about all, since all go the same way."""
        for waiting in list(self._open.values()):
            if not waiting.answer.done():
                waiting.answer.set_exception(Unreachable(str(exc)))

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self.error_received(exc or ConnectionError("closed"))

    async def ask(self, wire: bytes, timeout_s: float) -> bytes:
        """Send a query, and give the message that answers it. Its number is drawn here.

        Raises:
            TimeoutError: nothing came in time.
            Unreachable: nobody is there.
        """
        if self._transport is None or self._transport.is_closing():
            raise Unreachable("the socket is closed")
        number = self._free_number()
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[number] = _Open(_question_of(wire), answer)
        try:
            self._transport.sendto(number.to_bytes(2, "big") + wire[2:])
            async with asyncio.timeout(timeout_s):
                return await answer
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unreachable(str(error)) from None
        finally:
            del self._open[number]

    def close(self) -> None:
        """Ask no more."""
        if self._transport is not None:
            self._transport.close()

    @property
    def is_full(self) -> bool:
        """Whether it has as many open questions as it may."""
        return len(self._open) >= _MOST_OPEN

    def _free_number(self) -> int:
        while (number := secrets.randbits(16)) in self._open:
            pass
        return number


def _question_of(wire: bytes) -> bytes:
    """The question section of a query of ours: a name without compression, type and class."""
    end = _HEADER.size
    while wire[end]:
        end += 1 + wire[end]
    return wire[_HEADER.size : end + 5].lower()


def _settle(answer: asyncio.Future[bytes], data: bytes) -> None:
    if not answer.done():
        answer.set_result(data)
