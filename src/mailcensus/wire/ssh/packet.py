"""The data types of SSH (RFC 4251 section 5) and its packets before encryption (RFC 4253 section 6)."""

from __future__ import annotations

from mailcensus.wire.errors import LimitExceeded, ProtocolError


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
        start = self._at + 4
        end = start + int.from_bytes(self._data[self._at : start], "big")
        if start > len(self._data) or end > len(self._data):
            raise ProtocolError("SSH: message cut short")
        self._at = end
        return self._data[start:end]

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


_LARGEST_PACKET = 262_144
"""What OpenSSH takes (PACKET_MAX_SIZE). RFC 4253 section 6.1 asks for 35,000; a larger one is no SSH."""


class PacketReader:
    """Cuts bytes into message payloads, before keys are taken into use (RFC 4253 section 6).

    Padding is not judged: there is nothing yet that it could hide.
    """

    def __init__(self, total_bytes: int) -> None:
        self._buffer = bytearray()
        self._left = total_bytes

    def feed(self, data: bytes) -> None:
        """Take what arrived; call `next` until it gives None before feeding more."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole message's payload, message number first; None until it is whole.

        Raises:
            ProtocolError: not a packet.
            LimitExceeded: all packets together are more than the cap.
        """
        if len(self._buffer) < 5:
            return None
        length, padding = int.from_bytes(self._buffer[:4], "big"), self._buffer[4]
        if length > _LARGEST_PACKET:
            raise ProtocolError(f"SSH: a packet of {length} bytes")
        if length < padding + 2:
            raise ProtocolError("SSH: a packet without a message")
        if 4 + length > self._left:
            raise LimitExceeded("the server sent more SSH packets than our cap")
        if len(self._buffer) < 4 + length:
            return None
        self._left -= 4 + length
        payload = bytes(self._buffer[5 : 4 + length - padding])
        del self._buffer[: 4 + length]
        return payload


def write_packet(payload: bytes) -> bytes:
    """A message as a packet: padded to 8 octets with at least 4, all zero since nothing is encrypted."""
    padding = 8 - (5 + len(payload)) % 8
    if padding < 4:
        padding += 8
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes((padding,)) + payload + bytes(padding)
