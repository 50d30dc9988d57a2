"""One capture after the other: blocks of frames into segments, segments into connections."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mailcensus.passive.captures.connections import Connections, Ended
from mailcensus.passive.captures.fragments import Fragments
from mailcensus.passive.captures.frames import PADDING, DamagedCapture, Frames, read_frames
from mailcensus.passive.captures.layers import Headers, Packets, Segments, ip_packets
from mailcensus.passive.captures.opening import CANNOT_READ
from mailcensus.wire.services import Service

_SWEEP_NS = 30 * 10**9
_PORTS = 65_536


@dataclass(slots=True)
class CaptureRead:
    """What was in one capture."""

    source: str
    kind: str = "unknown"
    packets: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    error: str | None = None


class Captures:
    """Reads captures as one: a connection may begin in one file and end in the next.

    Args:
        services: by port; those whose connections are read.
        ended: told of each connection of which something was read.
        any_port: read what is TLS, SSH or mail on every other port too.
    """

    def __init__(self, services: dict[int, Service], ended: Ended, *, any_port: bool = False) -> None:
        ports = np.full(_PORTS, any_port)
        ports[list(services)] = True
        salt = [secrets.randbits(64) | 1 for _ in range(4)]
        self._counts: Counter[str] = Counter()
        self._headers = Headers((salt[0], salt[1], salt[2], salt[3]), ports)
        self._fragments = Fragments(self._counts)
        self._connections = Connections(services, ended, self._counts, any_port=any_port)
        self._swept_ns = 0

    def read(
        self,
        stream: BinaryIO,
        source: str,
        on_progress: Callable[[CaptureRead], None] = lambda _: None,
    ) -> CaptureRead:
        """Read one to its end, or to where it is damaged: what came before counts."""
        read = CaptureRead(source)
        before = self._counts.copy()
        self._connections.source = source
        try:
            framing, blocks = read_frames(stream)
            read.kind = framing.kind
            try:
                self._blocks(blocks, read, on_progress, lambda: framing.bytes)
            finally:
                read.counts.update(framing.counts)
                read.counts.update(self._counts - before)
        except DamagedCapture as error:
            read.error = str(error)
        except CANNOT_READ as error:
            read.error = f"cannot be read on from here: {error}"
        return read

    def end(self) -> Counter[str]:
        """There is no more; what ended connections came to besides the counts of the captures."""
        before = self._counts.copy()
        self._fragments.end()
        self._connections.end()
        return self._counts - before

    def _blocks(
        self,
        blocks: Iterable[Frames],
        read: CaptureRead,
        on_progress: Callable[[CaptureRead], None],
        bytes_read: Callable[[], int],
    ) -> None:
        for frames in blocks:
            read.packets += len(frames.start)
            read.bytes = bytes_read()
            first, last = int(frames.at_ns.min()), int(frames.at_ns.max())
            read.first_ns = first if read.first_ns is None else min(first, read.first_ns)
            read.last_ns = max(last, read.last_ns or 0)
            self._connections.take(self._segments(frames))
            if abs(last - self._swept_ns) > _SWEEP_NS:
                self._swept_ns = last
                self._connections.sweep(last)
            on_progress(read)

    def _segments(self, frames: Frames) -> Segments:
        packets = ip_packets(frames, self._counts)
        split = self._headers.split(packets, self._counts)
        if not len(split.odd):
            return split.segments
        whole = self._whole(packets, split.odd.tolist())
        if whole is None:
            return split.segments
        return _merged(split.segments, self._headers.split(whole, self._counts).segments)

    def _whole(self, packets: Packets, odd: list[int]) -> Packets | None:
        """The datagrams that fragments, and packets with extension headers, come to; behind the block's own bytes."""
        rows: list[tuple[int, int, int, int, int]] = []
        parts: list[bytes | bytearray] = [packets.data]
        at = len(packets.data)
        for row in odd:
            start, end, at_ns = int(packets.start[row]), int(packets.end[row]), int(packets.at_ns[row])
            datagram = self._fragments.take(bytes(packets.data[start:end]), at_ns)
            if datagram is not None:
                rows.append((int(packets.index[row]), datagram[0] >> 4, at, at + len(datagram), at_ns))
                parts.append(datagram)
                at += len(datagram)
        if not rows:
            return None
        index, version, starts, ends, times = np.array(rows, np.int64).T
        return Packets(b"".join([*parts, bytes(PADDING)]), index, version, starts, ends, times)


def _merged(first: Segments, second: Segments) -> Segments:
    """Segments of two kinds in the order captured; the second's bytes begin with the first's."""
    order = np.argsort(np.concatenate([first.index, second.index]), kind="stable")

    def both(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(first, name), getattr(second, name)])[order]

    names = (
        "index", "at_ns", "version", "ip", "source_port", "target_port", "connection", "forward", "sequence",
        "flags", "payload", "captured", "length",
    )  # fmt: skip
    return Segments(second.data, *(both(name) for name in names))
