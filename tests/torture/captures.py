"""A capture of many SMTP connections, each of an address of its own."""

from __future__ import annotations

from pathlib import Path

from packets import CLIENT, SERVER, Ends, Line, connection, framed, pcap

_LINES: list[Line] = [
    (SERVER, b"220 mx.example ESMTP\r\n"),
    (CLIENT, b"EHLO client.example\r\n"),
    (SERVER, b"250-mx.example\r\n250 AUTH PLAIN\r\n"),
    (CLIENT, b"QUIT\r\n"),
    (SERVER, b"221 bye\r\n"),
]


def capture(directory: Path, connections: int, port: int) -> Path:
    """A file of so many connections to a port, one after the other."""
    path = directory / "many.pcap"
    frames = [
        framed(segment.ip())
        for number in range(connections)
        for segment in connection(_LINES, _ends(number, port))
    ]
    path.write_bytes(pcap(frames))
    return path


def _ends(number: int, port: int) -> Ends:
    server = f"198.51.{number // 250}.{number % 250 + 1}"
    return Ends(client_port=1_024 + number % 60_000, server=server, port=port)
