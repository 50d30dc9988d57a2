"""The data types of SSH (RFC 4251 section 5) and its packets before encryption (RFC 4253 section 6)."""

from __future__ import annotations

from mailcensus.wire.errors import ProtocolError


class Reader:
    """Reads SSH data types off a buffer, in order.

    Every method raises ProtocolError when the buffer ends too early.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        end = self._at + count
        if end > len(self._data):
            raise ProtocolError("SSH: message cut short")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """One octet."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Four octets, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Length-prefixed octets."""
        return self.take(self.uint32())

    def mpint(self) -> int:
        """A multiple precision integer, read as unsigned.

        No number of a key or key exchange is negative; a peer that set the sign bit forgot the leading zero.
        """
        return int.from_bytes(self.string(), "big")

    def name_list(self) -> tuple[str, ...]:
        """Comma-separated names; octets that are not ASCII are kept as \\xNN (RFC 4251 section 6)."""
        raw = self.string()
        return tuple(raw.decode("ascii", "backslashreplace").split(",")) if raw else ()

    def rest(self) -> bytes:
        """What is left."""
        return self.take(len(self._data) - self._at)


def write_string(data: bytes) -> bytes:
    """Length-prefixed octets."""
    return len(data).to_bytes(4, "big") + data


def write_mpint(value: int) -> bytes:
    """A non-negative multiple precision integer in the fewest octets; zero has none."""
    return write_string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def write_name_list(names: tuple[str, ...]) -> bytes:
    """Comma-separated names."""
    return write_string(",".join(names).encode("ascii"))
