"""The TLS record layer, reading: bytes into records, and records into handshake messages.

RFC 8446 section 5.1, RFC 5246 section 6.2. Protection is not looked at here.
"""

from __future__ import annotations

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

    def feed(self, data: bytes) -> list[Record]:
        """The records that are complete now.

        Raises:
            TlsError: the bytes are not TLS records.
        """
        buffer = data
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            buffer = bytes(self._buffer)
        records: list[Record] = []
        self._need = 5
        position, end = 0, len(buffer)
        while end - position >= 5:
            length = (buffer[position + 3] << 8) | buffer[position + 4]
            if not 20 <= buffer[position] <= 24 or buffer[position + 1] != 3 or length > MAX_FRAGMENT:
                raise TlsError(f"not a TLS record: {bytes(buffer[position : position + 24])!r}")
            self.seen_any = True
            after = position + 5 + length
            if after > end:
                self._need = 5 + length
                break
            records.append((buffer[position], buffer[position : position + 5], buffer[position + 5 : after]))
            position = after
        self._buffer = bytearray(buffer[position:])
        return records


class MessageReader:
    """Puts handshake messages together from record fragments, in time linear in their bytes."""

    __slots__ = ("_buffer", "_left", "_need")

    def __init__(self, handshake_bytes: int) -> None:
        self._buffer = bytearray()
        self._need = 0
        self._left = handshake_bytes

    def feed(self, fragment: bytes) -> list[tuple[int, bytes]]:
        """The messages that are complete now: type and the whole message with its 4-byte header.

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
                return []
            buffer = bytes(self._buffer)
        self._need = 4
        messages: list[tuple[int, bytes]] = []
        position, end = 0, len(buffer)
        while end - position >= 4:
            length = 4 + int.from_bytes(buffer[position + 1 : position + 4], "big")
            if length > self._left:
                raise LimitExceeded("the server sent more handshake bytes than our cap")
            if position + length > end:
                self._need = length
                break
            self._left -= length
            messages.append((buffer[position], buffer[position : position + length]))
            position += length
        self._buffer = bytearray(buffer[position:])
        return messages

    @property
    def pending(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._buffer)
