"""pcap and pcapng: where the packets of a stream are, block by block.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. Both byte orders; pcap with micro- and nanoseconds;
pcapng with several sections and interfaces. A length that cannot be ends reading with an error: what follows could be
anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

BLOCK_BYTES = 4 << 20
MAX_PACKET_BYTES = 1 << 20
"""Longer than any link's packet with segmentation offload (256 kB); a file that says more is damaged."""
_MAX_BLOCK_BYTES = 16 << 20
"""Of pcapng's blocks that hold no packet."""
_MAX_INTERFACES = 4_096
PADDING = 64
"""Bytes behind a block, whatever they say, so that reading a header never runs out of it."""


class DamagedCapture(Exception):
    """The stream is no capture, or its lengths cannot be true from here on."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Packets of one block of bytes; parallel arrays, in the order captured."""

    data: bytes | bytearray
    """The block, with PADDING bytes behind it. It is used again for the next one: copy what is to stay."""
    start: Ints
    """Offset of each packet's first byte."""
    captured: Ints
    """Bytes of it that are here."""
    length: Ints
    """Bytes it had on the wire."""
    at_ns: Ints
    """When, in nanoseconds since the Unix epoch, UTC."""
    link: Ints
    """Link-layer type of each (https://www.tcpdump.org/linktypes.html)."""


@dataclass(slots=True)
class Framing:
    """What a stream said of itself so far."""

    kind: str
    """pcap or pcapng."""
    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0


def read_frames(stream: BinaryIO, block_bytes: int = BLOCK_BYTES) -> tuple[Framing, Iterator[Frames]]:
    """The packets of a capture, a block at a time.

    Memory: a block, and a packet.

    Raises:
        DamagedCapture: it is neither pcap nor pcapng; and, out of the iterator, where it is damaged. Packets before
            the damage are given first. A packet cut off by the end of the stream is counted as `cut_at_end`.
    """
    magic = _read_exactly(stream, 4)
    if magic in _PCAP_MAGICS:
        framing = Framing("pcap", bytes=4)
        return framing, _pcap(stream, framing, *_PCAP_MAGICS[magic], block_bytes)
    if magic == _SECTION:
        framing = Framing("pcapng", bytes=4)
        return framing, _Pcapng(framing).frames(stream, magic, block_bytes)
    raise DamagedCapture(f"neither pcap nor pcapng: it begins with {magic.hex() or 'nothing'}")


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := stream.read(count - len(data))):
        data += more
    return data


# pcap

_PCAP_MAGICS = {
    bytes.fromhex("a1b2c3d4"): (">", 1_000),
    bytes.fromhex("d4c3b2a1"): ("<", 1_000),
    bytes.fromhex("a1b23c4d"): (">", 1),
    bytes.fromhex("4d3cb2a1"): ("<", 1),
}
"""Byte order, and nanoseconds in a unit of the second half of a time."""
_LINK_MASK = 0x0FFF_FFFF
"""The upper bits of pcap's link type tell of frame check sequences."""


def _pcap(stream: BinaryIO, framing: Framing, order: str, unit_ns: int, block_bytes: int) -> Iterator[Frames]:
    rest = _read_exactly(stream, 20)
    if len(rest) < 20:
        raise DamagedCapture("the file header is cut short")
    link = Struct(order + "I").unpack_from(rest, 16)[0] & _LINK_MASK
    framing.bytes += 20
    length_at = Struct(order + "I").unpack_from
    window = _Window(stream, b"", block_bytes)
    while window.fill():
        data = window.data
        starts: list[int] = []
        add = starts.append
        position, end = 0, window.end - 16
        damaged = False
        while position <= end:
            captured = length_at(data, position + 8)[0]
            after = position + 16 + captured
            if after > end + 16:
                damaged = captured > MAX_PACKET_BYTES
                break
            add(position)
            position = after
        framing.bytes = 24 + window.read_bytes
        if starts:
            yield _pcap_frames(data, np.array(starts, np.int64), order, unit_ns, link)
        if damaged:
            raise DamagedCapture(f"a packet of {captured:,} bytes")
        window.keep(position)
    framing.counts["cut_at_end"] += window.end > 0


def _pcap_frames(data: bytearray, records: Ints, order: str, unit_ns: int, link: int) -> Frames:
    u32 = unaligned(data, order + "u4")
    return Frames(
        data,
        records + 16,
        u32[records + 8].astype(np.int64),
        u32[records + 12].astype(np.int64),
        u32[records].astype(np.int64) * 1_000_000_000 + u32[records + 4].astype(np.int64) * unit_ns,
        np.full(len(records), link, np.int64),
    )


class _Window:
    """A part of a stream, read into the same memory again and again: fresh memory for each block costs more than
    all the rest that is done with it."""

    def __init__(self, stream: BinaryIO, first: bytes, block_bytes: int) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self.data = bytearray(len(first) + block_bytes + PADDING)
        self.data[: len(first)] = first
        self.end = len(first)
        self.read_bytes = 0

    def fill(self) -> bool:
        """Read up to a block more behind what was kept; False: the stream has ended."""
        if self.end + self._block_bytes + PADDING > len(self.data):  # a packet or block longer than that
            self.data = self.data[: self.end] + bytearray(self.end + self._block_bytes + PADDING)
        with memoryview(self.data) as view:
            read_into = getattr(self._stream, "readinto", None)
            if read_into is not None:
                count = read_into(view[self.end : self.end + self._block_bytes]) or 0
            else:
                block = self._stream.read(self._block_bytes)
                count = len(block)
                view[self.end : self.end + count] = block
        self.end += count
        self.read_bytes += count
        return count > 0

    def keep(self, position: int) -> None:
        """What is from here on is not done with."""
        left = self.data[position : self.end]
        self.data[: len(left)] = left
        self.end = len(left)


def unaligned(data: bytes | bytearray, kind: str) -> npt.NDArray[np.unsignedinteger[npt.NBitBase]]:
    """Every offset of some bytes read as an integer of a kind such as ">u4"; element i begins at byte i."""
    dtype = np.dtype(kind)
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, data, strides=(1,))


# pcapng

_SECTION = bytes.fromhex("0a0d0d0a")
_SECTION_BLOCK, _INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 5, 6
_TSRESOL, _TSOFFSET = 9, 14
_IFDROP, _OSDROP = 5, 7
_OPTION_COUNTS = {_IFDROP: "dropped_by_interface", _OSDROP: "dropped_by_system"}


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    snaplen: int
    units_per_s: int = 1_000_000
    offset_s: int = 0


class _Pcapng:
    """Walks the blocks of a pcapng stream."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._last_ns = 0

    def frames(self, stream: BinaryIO, first: bytes, block_bytes: int) -> Iterator[Frames]:
        window = _Window(stream, first, block_bytes)
        while window.fill():
            self._framing.bytes = len(first) + window.read_bytes
            packets: list[tuple[int, int, int, int, int]] = []
            try:
                position = self._walk(window.data, window.end, packets)
            except DamagedCapture:
                if packets:
                    yield _pcapng_frames(window.data, packets)
                raise
            if packets:
                yield _pcapng_frames(window.data, packets)
            window.keep(position)
        self._framing.counts["cut_at_end"] += window.end > 0

    def _walk(self, data: bytearray, end: int, packets: list[tuple[int, int, int, int, int]]) -> int:
        """Note the packets of whole blocks; where the first block that is not whole begins."""
        position = 0
        head, packet_head = Struct(self._order + "II"), Struct(self._order + "IIIII")
        while end - position >= 12:
            if data[position : position + 4] == _SECTION:
                self._order = "<" if data[position + 8 : position + 12] == b"\x4d\x3c\x2b\x1a" else ">"
                head, packet_head = Struct(self._order + "II"), Struct(self._order + "IIIII")
            kind, length = head.unpack_from(data, position)
            if length % 4 or length < 12 or length > _MAX_BLOCK_BYTES:
                raise DamagedCapture(f"a block of {length:,} bytes")
            after = position + length
            if after > end:
                break
            if kind == _ENHANCED and length >= 32:
                number, high, low, captured, size = packet_head.unpack_from(data, position + 8)
                self._packet(packets, position + 28, after - 4, number, high << 32 | low, captured, size)
            elif kind in _OTHER_BLOCKS:
                _OTHER_BLOCKS[kind](self, data, position + 8, after - 4, packets)
            position = after
        return position

    def _packet(
        self,
        packets: list[tuple[int, int, int, int, int]],
        start: int,
        end: int,
        number: int,
        ticks: int,
        captured: int,
        size: int,
    ) -> None:
        if start + captured > end or number >= len(self._interfaces):
            self._framing.counts["bad_block"] += 1
            return
        interface = self._interfaces[number]
        units = interface.units_per_s
        seconds, fraction = divmod(ticks, units)
        at_ns = (seconds + interface.offset_s) * 1_000_000_000 + fraction * 1_000_000_000 // units
        self._last_ns = at_ns
        packets.append((start, captured, size, at_ns if 0 <= at_ns < 1 << 63 else 0, interface.link))

    def _section(
        self, data: bytearray, start: int, end: int, packets: list[tuple[int, int, int, int, int]]
    ) -> None:
        self._interfaces = []

    def _interface(
        self, data: bytearray, start: int, end: int, packets: list[tuple[int, int, int, int, int]]
    ) -> None:
        if len(self._interfaces) >= _MAX_INTERFACES or end - start < 8:
            raise DamagedCapture("too many interfaces, or a broken one")
        link, _, snaplen = Struct(self._order + "HHI").unpack_from(data, start)
        units, offset = 1_000_000, 0
        for code, value in self._options(data, start + 8, end):
            if code == _TSRESOL and value:
                exponent = value[0] & 0x7F
                # Finer than 2**-63 or 10**-18 no clock is; such a resolution is damage.
                units = 2 ** min(exponent, 63) if value[0] & 0x80 else 10 ** min(exponent, 18)
            elif code == _TSOFFSET and len(value) == 8:
                offset = int.from_bytes(value, "little" if self._order == "<" else "big", signed=True)
        self._interfaces.append(_Interface(link, snaplen, units, offset))

    def _old_packet(
        self, data: bytearray, start: int, end: int, packets: list[tuple[int, int, int, int, int]]
    ) -> None:
        if end - start < 20:
            self._framing.counts["bad_block"] += 1
            return
        number, _, high, low, captured, size = Struct(self._order + "HHIIII").unpack_from(data, start)
        self._packet(packets, start + 20, end, number, high << 32 | low, captured, size)

    def _simple(
        self, data: bytearray, start: int, end: int, packets: list[tuple[int, int, int, int, int]]
    ) -> None:
        """It has no time: it gets that of the packet before."""
        if not self._interfaces or end - start < 4:
            self._framing.counts["bad_block"] += 1
            return
        size = Struct(self._order + "I").unpack_from(data, start)[0]
        snaplen = self._interfaces[0].snaplen or MAX_PACKET_BYTES
        captured = min(size, snaplen, end - start - 4)
        packets.append((start + 4, captured, size, self._last_ns, self._interfaces[0].link))

    def _statistics(
        self, data: bytearray, start: int, end: int, packets: list[tuple[int, int, int, int, int]]
    ) -> None:
        """Drops so far; the last word of an interface counts."""
        number = Struct(self._order + "I").unpack_from(data, start)[0]
        for code, value in self._options(data, start + 12, end):
            name = _OPTION_COUNTS.get(code)
            if name is not None and len(value) == 8:
                count = int.from_bytes(value, "little" if self._order == "<" else "big")
                self._framing.counts[f"{name}_{number % _MAX_INTERFACES}"] = min(count, 1 << 62)

    def _options(self, data: bytearray, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        head = Struct(self._order + "HH")
        while end - start >= 4:
            code, length = head.unpack_from(data, start)
            if code == 0 or start + 4 + length > end:
                return
            yield code, bytes(data[start + 4 : start + 4 + length])
            start += 4 + (length + 3 & ~3)


_OTHER_BLOCKS = {
    _SECTION_BLOCK: _Pcapng._section,
    _INTERFACE: _Pcapng._interface,
    _OLD_PACKET: _Pcapng._old_packet,
    _SIMPLE: _Pcapng._simple,
    _STATISTICS: _Pcapng._statistics,
}


def _pcapng_frames(data: bytearray, packets: list[tuple[int, int, int, int, int]]) -> Frames:
    columns = np.array(packets, np.int64).T
    start, captured, length, at_ns, link = (np.ascontiguousarray(column) for column in columns)
    return Frames(data, start, captured, length, at_ns, link)
