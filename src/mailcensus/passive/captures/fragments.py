"""IP datagrams in pieces, and IPv6 extension headers: whole datagrams out of single packets.

Bounded: at most MOST_DATAGRAMS wait, the oldest is given up for a new one. Overlapping fragments end a datagram
(RFC 5722; for IPv4 it is what an attacker does, not a network).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST_DATAGRAMS = 1_024
_MOST_FRAGMENTS = 256
_MOST_BYTES = 65_535
_PATIENCE_NS = 60 * 10**9
"""RFC 8200 section 4.5."""
_FRAGMENT, _AUTHENTICATION = 44, 51
_HEADERS = (0, 43, _FRAGMENT, _AUTHENTICATION, 60, 135, 139, 140)
_MOST_HEADERS = 16


@dataclass(slots=True)
class _Datagram:
    began_ns: int
    header: bytes = b""
    pieces: dict[int, bytes] = field(default_factory=dict)
    length: int | None = None

    def whole(self) -> bytes | None:
        """Its payload once nothing is missing. ValueError: pieces overlap."""
        at, parts = 0, []
        for offset, piece in sorted(self.pieces.items()):
            if offset < at:
                raise ValueError("overlapping fragments")
            if offset > at:
                return None
            parts.append(piece)
            at += len(piece)
        return b"".join(parts) if at == self.length else None


class Fragments:
    """Puts datagrams together."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._waiting: dict[bytes, _Datagram] = {}

    def take(self, packet: bytes, at_ns: int) -> bytes | None:
        """One IP packet, header first; a plain datagram (no fragment, no extension header) once it is whole."""
        return self._version_4(packet, at_ns) if packet[0] >> 4 == 4 else self._version_6(packet, at_ns)

    def _version_4(self, packet: bytes, at_ns: int) -> bytes | None:
        header_bytes = (packet[0] & 15) * 4
        total = int.from_bytes(packet[2:4], "big")
        flags = int.from_bytes(packet[6:8], "big")
        if header_bytes < 20 or total > len(packet) or total <= header_bytes:
            self._counts["malformed_fragment"] += 1
            return None
        name = b"4" + packet[4:6] + packet[9:10] + packet[12:20]
        header = packet[:header_bytes] if flags & 0x1FFF == 0 else b""
        payload = self._piece(
            name, header, packet[header_bytes:total], (flags & 0x1FFF) * 8, bool(flags & 0x2000), at_ns
        )
        if payload is None:
            return None
        header, body = payload
        if len(header) + len(body) > _MOST_BYTES:
            return None
        return (
            header[:2]
            + (len(header) + len(body)).to_bytes(2, "big")
            + header[4:6]
            + bytes(2)
            + header[8:]
            + body
        )

    def _version_6(self, packet: bytes, at_ns: int) -> bytes | None:
        end = min(len(packet), 40 + int.from_bytes(packet[4:6], "big"))
        kind, at = packet[6], 40
        for _ in range(_MOST_HEADERS):
            if kind not in _HEADERS:
                return (
                    packet[:4]
                    + (end - at).to_bytes(2, "big")
                    + bytes((kind,))
                    + packet[7:40]
                    + packet[at:end]
                )
            if at + 8 > end:
                break
            if kind == _FRAGMENT:
                return self._fragment_6(packet, at, end, at_ns)
            size = (packet[at + 1] + 2) * 4 if kind == _AUTHENTICATION else (packet[at + 1] + 1) * 8
            kind, at = packet[at], at + size
            if at > end:
                break
        self._counts["malformed_fragment"] += 1
        return None

    def _fragment_6(self, packet: bytes, at: int, end: int, at_ns: int) -> bytes | None:
        """RFC 8200 section 4.5. What follows the fragment header is the fragmentable part."""
        if int.from_bytes(packet[4:6], "big") + 40 > len(packet):
            self._counts["malformed_fragment"] += 1
            return None
        field_ = int.from_bytes(packet[at + 2 : at + 4], "big")
        offset, more = field_ & 0xFFF8, bool(field_ & 1)
        header = packet[:6] + packet[at : at + 1] + packet[7:40] if offset == 0 else b""
        name = b"6" + packet[at + 4 : at + 8] + packet[8:40]
        found = self._piece(name, header, packet[at + 8 : end], offset, more, at_ns)
        if found is None:
            return None
        header, body = found
        if len(body) > _MOST_BYTES:
            return None
        whole = header[:4] + len(body).to_bytes(2, "big") + header[6:] + body
        return self._version_6(whole, at_ns) if header[6] != _FRAGMENT else None

    def _piece(
        self, name: bytes, header: bytes, body: bytes, offset: int, more: bool, at_ns: int
    ) -> tuple[bytes, bytes] | None:
        self._counts["fragments"] += 1
        datagram = self._waiting.get(name)
        if datagram is not None and at_ns - datagram.began_ns > _PATIENCE_NS:
            self._give_up(name)
            datagram = None
        if datagram is None:
            if len(self._waiting) >= MOST_DATAGRAMS:
                self._give_up(next(iter(self._waiting)))
            datagram = self._waiting[name] = _Datagram(at_ns)
        ends = offset + len(body)
        if (
            ends > _MOST_BYTES
            or len(datagram.pieces) >= _MOST_FRAGMENTS
            or (more and len(body) % 8)
            or datagram.pieces.get(offset, body) != body
        ):
            self._give_up(name)
            return None
        datagram.pieces[offset] = body
        datagram.header = datagram.header or header
        if not more:
            datagram.length = ends
        return self._whole(name, datagram)

    def _whole(self, name: bytes, datagram: _Datagram) -> tuple[bytes, bytes] | None:
        if datagram.length is None or not datagram.header:
            return None
        try:
            body = datagram.whole()
        except ValueError:
            self._give_up(name)
            return None
        if body is None:
            return None
        del self._waiting[name]
        return datagram.header, body

    def _give_up(self, name: bytes) -> None:
        del self._waiting[name]
        self._counts["datagrams_given_up"] += 1

    def end(self) -> None:
        """Count what never became whole."""
        self._counts["datagrams_given_up"] += len(self._waiting)
        self._waiting.clear()
