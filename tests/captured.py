"""What a server said in somebody else's capture: the payload of one direction, put in order. For small, whole files."""

from __future__ import annotations

import struct
from pathlib import Path

_ETHERNET, _RAW_IPV4 = 1, 228


def server_bytes(capture: Path, port: int) -> dict[tuple[bytes, int], bytes]:
    """Bytes sent from a port, by the client's address and port (classic pcap, IPv4)."""
    segments: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for client, sequence, payload in _segments(capture.read_bytes(), port):
        segments.setdefault(client, {}).setdefault(sequence, payload)
    return {client: _joined(parts) for client, parts in segments.items()}


def _joined(parts: dict[int, bytes]) -> bytes:
    data, expected = b"", min(parts)
    for sequence in sorted(parts):
        if sequence + len(parts[sequence]) > expected >= sequence:
            data += parts[sequence][expected - sequence :]
            expected = sequence + len(parts[sequence])
    return data


def _segments(data: bytes, port: int) -> list[tuple[tuple[bytes, int], int, bytes]]:
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    (link,) = struct.unpack_from(order + "I", data, 20)
    found, at = [], 24
    while at + 16 <= len(data):
        (length,) = struct.unpack_from(order + "I", data, at + 8)
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        ip = packet[14:] if link == _ETHERNET else packet
        if len(ip) < 40 or ip[0] >> 4 != 4 or ip[9] != 6:
            continue
        tcp = ip[(ip[0] & 15) * 4 : int.from_bytes(ip[2:4], "big")]
        source, target, sequence = struct.unpack_from("!HHI", tcp)
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if source == port and payload:
            found.append(((ip[16:20], target), sequence, payload))
    return found
