"""Captures made by hand: packets of a conversation, in any frame and either file format."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET, RAW, NULL, SLL, SLL2 = 1, 101, 0, 113, 276
START_NS = 1_750_000_000 * 10**9
CLIENT, SERVER = 0, 1

Line = tuple[int, bytes]
"""Who says it, and what."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Addresses and ports of a connection."""

    client: str = "192.0.2.10"
    client_port: int = 40_000
    server: str = "198.51.100.25"
    port: int = 25


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment."""

    ends: Ends
    side: int
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes = b""

    def ip(self, *, declared: int | None = None) -> bytes:
        """As an IP packet; `declared` is another total length than the true one."""
        ends, from_client = self.ends, self.side == CLIENT
        ports = (ends.client_port, ends.port) if from_client else (ends.port, ends.client_port)
        tcp = struct.pack(
            "!HHIIBBHHH",
            *ports,
            self.sequence % 2**32,
            self.acknowledged % 2**32,
            0x50,
            self.flags,
            65_535,
            0,
            0,
        )
        source, target = (ends.client, ends.server) if from_client else (ends.server, ends.client)
        return ip_packet(source, target, 6, tcp + self.payload, declared=declared)


def ip_packet(source: str, target: str, protocol: int, body: bytes, *, declared: int | None = None) -> bytes:
    """An IP packet of the version of its addresses."""
    packed = ip_address(source).packed + ip_address(target).packed
    if len(packed) == 8:
        total = 20 + len(body) if declared is None else declared
        return struct.pack("!BBHHHBBH", 0x45, 0, total, 1, 0x4000, 64, protocol, 0) + packed + body
    length = len(body) if declared is None else declared
    return struct.pack("!IHBB", 6 << 28, length, protocol, 64) + packed + body


def fragments(packet: bytes, size: int, name: int = 77) -> list[bytes]:
    """An IPv4 or IPv6 packet in pieces of so many bytes (a multiple of 8)."""
    if packet[0] >> 4 == 4:
        body = packet[20:]
        return [
            packet[:2]
            + struct.pack(
                "!HHH", 20 + len(body[at : at + size]), name, at // 8 | (at + size < len(body)) << 13
            )
            + packet[8:20]
            + body[at : at + size]
            for at in range(0, len(body), size)
        ]
    body = packet[40:]
    return [
        packet[:4]
        + struct.pack("!HB", 8 + len(body[at : at + size]), 44)
        + packet[7:40]
        + struct.pack("!BBHI", packet[6], 0, at | (at + size < len(body)), name)
        + body[at : at + size]
        for at in range(0, len(body), size)
    ]


def connection(
    lines: Iterable[Line], ends: Ends = Ends(), *, size: int = 1_400, close: bool = True
) -> list[Segment]:
    """A whole connection: handshake, what is said in segments of at most `size`, and its end."""
    sequence = [1_000, 4_294_967_000]  # the server's wraps around
    segments = [
        Segment(ends, CLIENT, sequence[0], 0, SYN),
        Segment(ends, SERVER, sequence[1], sequence[0] + 1, SYN | ACK),
    ]
    sequence = [number + 1 for number in sequence]
    segments.append(Segment(ends, CLIENT, sequence[0], sequence[1], ACK))
    for side, data in lines:
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            segments.append(Segment(ends, side, sequence[side], sequence[1 - side], PSH | ACK, piece))
            sequence[side] += len(piece)
    if close:
        segments += [
            Segment(ends, side, sequence[side], sequence[1 - side], FIN | ACK) for side in (CLIENT, SERVER)
        ]
    return segments


def framed(packet: bytes, link: int = ETHERNET, *, vlans: Sequence[int] = ()) -> bytes:
    """A packet as its link layer sends it."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    if link == ETHERNET:
        tags = b"".join(struct.pack("!HH", 0x8100 if at else 0x88A8, tag) for at, tag in enumerate(vlans))
        return bytes(12) + tags + kind + packet
    if link == NULL:
        return struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet
    if link == SLL:
        return bytes(14) + kind + packet
    if link == SLL2:
        return kind + bytes(18) + packet
    return packet


def pcap(
    frames: Iterable[bytes],
    link: int = ETHERNET,
    *,
    order: str = "<",
    nanoseconds: bool = False,
    snaplen: int = 262_144,
) -> bytes:
    """Frames a millisecond apart as a pcap file."""
    magic, unit_ns = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1_000)
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for at_ns, frame in _timed(frames):
        seconds, rest = divmod(at_ns, 10**9)
        kept = frame[:snaplen]
        parts.append(struct.pack(order + "IIII", seconds, rest // unit_ns, len(kept), len(frame)) + kept)
    return b"".join(parts)


def pcapng(frames: Iterable[bytes], link: int = ETHERNET, *, order: str = "<", tsresol: int = 9) -> bytes:
    """Frames a millisecond apart as a pcapng file with one interface, and statistics that tell of 7 drops."""
    parts = [
        _block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(order, 1, struct.pack(order + "HHI", link, 0, 0) + _option(order, 9, bytes((tsresol,)))),
    ]
    for at_ns, frame in _timed(frames):
        ticks = at_ns * 10**tsresol // 10**9
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFF_FFFF, len(frame), len(frame))
        parts.append(_block(order, 6, head + frame))
    parts.append(
        _block(order, 5, struct.pack(order + "III", 0, 0, 0) + _option(order, 5, struct.pack(order + "Q", 7)))
    )
    return b"".join(parts)


def _timed(frames: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, frame in enumerate(frames):
        yield START_NS + number * 10**6, frame


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


@dataclass(slots=True)
class Talk:
    """What two sides say, in order."""

    lines: list[Line] = field(default_factory=list)

    def client(self, data: bytes) -> Talk:
        """The client's turn."""
        return replace(self, lines=[*self.lines, (CLIENT, data)]) if data else self

    def server(self, data: bytes) -> Talk:
        """The server's turn."""
        return replace(self, lines=[*self.lines, (SERVER, data)]) if data else self

    def then(self, other: Talk) -> Talk:
        """One after the other."""
        return Talk([*self.lines, *other.lines])
