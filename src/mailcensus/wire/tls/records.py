"""The TLS record layer, reading: bytes into records, and records into handshake messages.

RFC 8446 section 5.1, RFC 5246 section 6.2. Protection is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailcensus.wire.errors import LimitExceeded, ProtocolError, TlsError

MAX_FRAGMENT = 2**14 + 2_048
"""Ciphertext bound of TLS 1.2 (RFC 5246 section 6.2.3); TLS 1.3 allows less."""

Record = tuple[int, bytes, bytes]
"""Content type, header (5 bytes), fragment."""


class RecordReader:
    """Cuts a byte stream into records, however it arrives, in time linear in its bytes."""

    __slots__ = ("_buffer", "_need", "seen_any")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = 0
        self.seen_any = False
        """A whole record header that looks like TLS has come in."""

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that are complete now, one at a time: those before a wrong one are given first.

        Raises:
            TlsError: the bytes are not TLS records.
        """
        buffer = data
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return
            buffer = bytes(self._buffer)
        self._need = 5
        position, end = 0, len(buffer)
        try:
            while end - position >= 5:
                start = position
                length = (buffer[start + 3] << 8) | buffer[start + 4]
                if not 20 <= buffer[start] <= 24 or buffer[start + 1] != 3 or length > MAX_FRAGMENT:
                    raise TlsError(f"not a TLS record: {buffer[start : start + 24]!r}")
                self.seen_any = True
                after = start + 5 + length
                if after > end:
                    self._need = 5 + length
                    break
                position = after
                yield buffer[start], buffer[start : start + 5], buffer[start + 5 : after]
        finally:  # whoever takes no more records keeps the rest too
            self._buffer = bytearray(buffer[position:])


class MessageReader:
    """Puts handshake messages together from record fragments, in time linear in their bytes."""

    __slots__ = ("_buffer", "_left", "_need", "pending")

    def __init__(self, handshake_bytes: int) -> None:
        self._buffer = bytearray()
        self._need = 0
        self._left = handshake_bytes
        self.pending = False
        """Something follows the message that was given last, if only a part of the next one."""

    def feed(self, fragment: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that are complete now: type and the whole message with its 4-byte header.

        One at a time: those before one that is over the cap are given first.

        Raises:
            LimitExceeded: all messages together are, or one says it will be, longer than the cap.
            ProtocolError: an empty handshake fragment (RFC 8446 section 5.1 forbids it).
        """
        if not fragment:
            raise ProtocolError("empty handshake fragment")
        buffer = fragment
        if self._buffer:
            self._buffer += fragment
            if len(self._buffer) < self._need:
                return
            buffer = bytes(self._buffer)
        self._need = 4
        position, end = 0, len(buffer)
        try:
            while end - position >= 4:
                start = position
                length = 4 + int.from_bytes(buffer[start + 1 : start + 4], "big")
                if length > self._left:
                    raise LimitExceeded("the server sent more handshake bytes than our cap")
                if start + length > end:
                    self._need = length
                    break
                self._left -= length
                position = start + length
                self.pending = position < end
                yield buffer[start], buffer[start:position]
        finally:
            self._buffer = bytearray(buffer[position:])
            self.pending = position < end
