"""Pulls integers and length-prefixed blocks out of one message, as the RFCs write them."""

from __future__ import annotations

from mailcensus.wire.errors import ProtocolError


class Reader:
    """A cursor over bytes. Every pull checks what is left; nothing is copied twice.

    Raises (every method):
        ProtocolError: the bytes end before the structure does.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._end = len(data)

    def __bool__(self) -> bool:
        return self._position < self._end

    def uint8(self) -> int:
        position = self._position
        if position >= self._end:
            raise ProtocolError("truncated structure")
        self._position = position + 1
        return self._data[position]

    def uint16(self) -> int:
        position = self._position
        if position + 2 > self._end:
            raise ProtocolError("truncated structure")
        self._position = position + 2
        return (self._data[position] << 8) | self._data[position + 1]

    def uint24(self) -> int:
        return int.from_bytes(self.take(3), "big")

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        position = self._position
        after = position + length
        if after > self._end:
            raise ProtocolError("truncated structure")
        self._position = after
        return self._data[position:after]

    def block8(self) -> bytes:
        """An opaque vector with a one-byte length."""
        return self.take(self.uint8())

    def block16(self) -> bytes:
        """An opaque vector with a two-byte length."""
        return self.take(self.uint16())

    def block24(self) -> bytes:
        """An opaque vector with a three-byte length."""
        return self.take(self.uint24())

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self._end - self._position)

    def end(self, what: str) -> None:
        """Insist that nothing is left.

        Raises:
            ProtocolError: bytes follow the structure.
        """
        if self._position != self._end:
            raise ProtocolError(f"{self._end - self._position} bytes too many in {what}")
