"""Lines out of a byte stream, however it arrives, and the readers built on them.

Everything is pulled: `feed` only stores, `next` gives one thing at a time. So a dialogue stops reading exactly
where TLS begins, and what a peer put behind that point stays visible in `rest`.

All caps hold at the byte where they are passed: the same bytes cut elsewhere give the same lines and the same
LimitExceeded, and whatever came before the cap is read first.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from mailcensus.wire.errors import LimitExceeded, ProtocolError
from mailcensus.wire.exchange import Limits, printable

Unit = TypeVar("Unit")

_LITERAL = re.compile(rb"\{(\d{1,10})\+?\}\Z")
_CARRIAGE_RETURN = 0x0D
_SHOWN_BYTES = 200
"""How much of an unexpected line an error quotes."""


class UnexpectedLine(ProtocolError):
    """A line that is not the protocol's; `line` keeps it, since as a greeting it is still worth recording."""

    def __init__(self, expected: str, line: bytes) -> None:
        super().__init__(f"not {expected}: {printable(line[:_SHOWN_BYTES])!r}")
        self.line = line


class Lines:
    """Cuts a byte stream into lines and counted blocks, within caps.

    Lines end in LF; a CR before it is dropped. Bare CR is content (servers do send it). At most `text_bytes`
    are ever kept, so a buffer that is being read is never compacted.
    """

    def __init__(self, line_bytes: int, text_bytes: int) -> None:
        self._buffer: bytes | bytearray = b""
        self._start = 0
        self._searched = 0
        self._line_bytes = line_bytes
        self._text_left = text_bytes
        self._overflowed = False

    def feed(self, data: bytes) -> None:
        """Store what arrived. Bytes past the text cap are dropped; reading up to them raises."""
        if len(data) > self._text_left:
            self._overflowed = True
            data = data[: self._text_left]
        self._text_left -= len(data)
        if self._start == len(self._buffer):  # all was read, as after most replies: no copy
            self._buffer, self._start, self._searched = data, 0, 0
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    def next_line(self) -> bytes | None:
        """The next whole line without its end; None: it has not arrived yet.

        Raises:
            LimitExceeded: a line or the whole text is longer than its cap.
        """
        start = self._start
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            self._check_line(self._searched - start)
            self._check_text()
            return None
        self._check_line(end - start)
        self._start = self._searched = end + 1
        if end > start and self._buffer[end - 1] == _CARRIAGE_RETURN:
            end -= 1
        return bytes(self._buffer[start:end])

    def next_block(self, size_bytes: int) -> bytes | None:
        """The next `size_bytes` bytes, whatever they are; None: they have not all arrived yet.

        Raises:
            LimitExceeded: they would not fit under the text cap.
        """
        end = self._start + size_bytes
        if end > len(self._buffer) + self._text_left:
            raise LimitExceeded("the server announced more text than our cap")
        if end > len(self._buffer):
            return None
        block = bytes(self._buffer[self._start : end])
        self._start = self._searched = end
        return block

    def rest(self) -> bytes:
        """What has arrived and was not read.

        Raises:
            LimitExceeded: more had arrived than the cap let us keep.
        """
        self._check_text()
        return bytes(self._buffer[self._start :])

    def _check_line(self, size_bytes: int) -> None:
        if size_bytes > self._line_bytes:
            raise LimitExceeded("the server sent a line longer than our cap")

    def _check_text(self) -> None:
        if self._overflowed:
            raise LimitExceeded("the server sent more text than our cap")


class LineReader(ABC, Generic[Unit]):
    """Bytes of one side in, whole units of its protocol out (replies, responses, messages).

    Knows nothing of turns or TLS: the active dialogues and the captures read through the same ones.
    """

    def __init__(self, limits: Limits) -> None:
        self.lines = Lines(limits.line, limits.text)

    def feed(self, data: bytes) -> None:
        """Store what arrived."""
        self.lines.feed(data)

    @abstractmethod
    def next(self) -> Unit | None:
        """The next whole unit; None: it has not arrived yet.

        Raises:
            UnexpectedLine: a line that the protocol does not have.
            LimitExceeded: a cap was passed.
        """

    def rest(self) -> bytes:
        """What has arrived and was not read; after a reply that starts TLS, this belongs to TLS."""
        return self.lines.rest()


class LiteralReader(LineReader[Unit]):
    """A reader of lines that may hold counted literals (`{5}`, then a line end and 5 bytes), RFC 9051 section 4.3.

    ManageSieve has the same ones, RFC 5804 section 1.2.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._parts: list[bytes] = []
        self._literal_bytes: int | None = None

    @abstractmethod
    def unit(self, raw: bytes) -> Unit:
        """One whole line; a literal stands right behind its `{size}`.

        Raises:
            UnexpectedLine: the protocol has no such line.
        """

    def next(self) -> Unit | None:
        """See LineReader."""
        while (part := self._next_part()) is not None:
            self._parts.append(part)
            if self._literal_bytes is not None:
                self._literal_bytes = None  # that part was the literal; its line goes on
            elif literal := _LITERAL.search(part):
                self._literal_bytes = int(literal[1])
            else:
                raw, self._parts = b"".join(self._parts), []
                return self.unit(raw)
        return None

    def _next_part(self) -> bytes | None:
        if self._literal_bytes is not None:
            return self.lines.next_block(self._literal_bytes)
        return self.lines.next_line()
