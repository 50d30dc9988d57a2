"""Values of a MaxMind DB data section.

Our own reader rather than `maxminddb`'s for two reasons. A table needs every record of a file: values behind a
pointer are decoded once here, which makes a City database several times quicker to read. And no file can make it
work longer than a few steps for each of its bytes, whatever its pointers say.

Source: MaxMind DB File Format Specification 2.0, "MaxMind DB Data Section".
"""

from __future__ import annotations

import struct

_POINTER, _TEXT, _DOUBLE, _BYTES, _MAP, _INT32, _ARRAY, _BOOLEAN, _FLOAT = 1, 2, 3, 4, 7, 8, 11, 14, 15
_UNSIGNED = {5: 2, 6: 4, 9: 8, 10: 16}
"""Type and most bytes of it."""
_POINTER_OFFSETS = (0, 2048, 526336, 0)
_DEPTH = 32
"""MaxMind's own records nest four deep."""
_STEPS_PER_BYTE = 4

Value = str | float | int | bytes | bool | dict[str, "Value"] | list["Value"]


class DamagedDatabase(Exception):
    """The file is not a whole MaxMind database."""


class ValueReader:
    """Decodes the values of one data section."""

    def __init__(self, content: bytes, base: int) -> None:
        """Read from `content`; pointers count from `base`."""
        self._content = content
        self._base = base
        self._known: dict[int, Value] = {}
        self._steps = _STEPS_PER_BYTE * len(content) + 4096

    def at(self, offset: int) -> Value:
        """The value at an offset of the data section.

        Raises:
            DamagedDatabase: there is no whole value.
        """
        try:
            return self._value(self._base + offset, 0)[0]
        except (IndexError, struct.error, UnicodeDecodeError):
            raise DamagedDatabase("a record is cut short or no text") from None

    def _value(self, at: int, depth: int) -> tuple[Value, int]:
        """A value and where it ends."""
        self._steps -= 1
        if self._steps < 0 or depth > _DEPTH:
            raise DamagedDatabase("its records run in circles")
        control = self._content[at]
        kind, at = control >> 5, at + 1
        if kind == _POINTER:
            return self._pointed(control, at, depth)
        if kind == 0:
            kind, at = self._content[at] + 7, at + 1
        size, at = self._size(control & 0x1F, at)
        if kind == _MAP:
            return self._map(size, at, depth)
        if kind == _ARRAY:
            return self._array(size, at, depth)
        if kind == _BOOLEAN:
            return bool(size), at
        return self._plain(kind, at, size), at + size

    def _size(self, size: int, at: int) -> tuple[int, int]:
        if size < 29:
            return size, at
        more = size - 28
        extra = self._bytes(at, more)
        return (29, 285, 65_821)[more - 1] + int.from_bytes(extra, "big"), at + more

    def _pointed(self, control: int, at: int, depth: int) -> tuple[Value, int]:
        length = (control >> 3 & 3) + 1
        high = control & 7 if length < 4 else 0
        target = (
            int.from_bytes(self._bytes(at, length), "big")
            + (high << 8 * length)
            + _POINTER_OFFSETS[length - 1]
        )
        if target not in self._known:
            self._known[target] = self._value(self._base + target, depth + 1)[0]
        return self._known[target], at + length

    def _map(self, size: int, at: int, depth: int) -> tuple[Value, int]:
        values: dict[str, Value] = {}
        for _ in range(size):
            name, at = self._value(at, depth + 1)
            if not isinstance(name, str):
                raise DamagedDatabase("a field's name is no text")
            values[name], at = self._value(at, depth + 1)
        return values, at

    def _array(self, size: int, at: int, depth: int) -> tuple[Value, int]:
        values: list[Value] = []
        for _ in range(size):
            value, at = self._value(at, depth + 1)
            values.append(value)
        return values, at

    def _plain(self, kind: int, at: int, size: int) -> Value:
        raw = self._bytes(at, size)
        if kind == _TEXT:
            return raw.decode("utf-8")
        if kind in _UNSIGNED and size <= _UNSIGNED[kind]:
            return int.from_bytes(raw, "big")
        if kind == _INT32 and size <= 4:
            return int.from_bytes(raw.rjust(4, b"\0"), "big", signed=True)
        if kind == _DOUBLE and size == 8:
            return float(struct.unpack(">d", raw)[0])
        if kind == _FLOAT and size == 4:
            return float(struct.unpack(">f", raw)[0])
        if kind == _BYTES:
            return raw
        raise DamagedDatabase(f"a value of type {kind} and {size} bytes")

    def _bytes(self, at: int, count: int) -> bytes:
        raw = self._content[at : at + count]
        if len(raw) < count:
            raise IndexError(at)
        return raw
