"""masscan's results: its list (-oL), JSON (-oJ) and XML (-oX)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import IO, cast

from mailcensus.dataset.imports.port_scan_xml import read_port_scan_xml
from mailcensus.dataset.imports.rows import (
    Open,
    PassedOver,
    Reject,
    Row,
    is_address,
    json_of,
    port_of,
    texts_of,
    time_of,
)

_JSON_FRAME = ("[", "]", ",", "")


def read_masscan(stream: IO[bytes]) -> Iterator[Row]:
    """The rows of a masscan file; its first character tells which form it has."""
    if cast(BufferedReader, stream).peek(64).lstrip().startswith(b"<"):
        yield from read_port_scan_xml(stream)
        return
    for found in texts_of(stream):
        if isinstance(found, Reject):
            yield found
            continue
        number, text = found
        if text.startswith("{") and "finished" not in text[:12]:
            yield from _json(number, text.rstrip(","))
        elif text not in _JSON_FRAME and not text.startswith(("#", "{")):
            yield _listed(number, text)


def _listed(number: int, text: str) -> Row:
    """`open tcp 25 192.0.2.1 1795319541`."""
    match text.split():
        case ["open", "tcp", port, ip, seconds]:
            return _open(number, text, ip, port, seconds)
        case ["open" | "closed" | "banner", _, _, _, *_]:
            return PassedOver()
    return Reject(number, "not a line of masscan's list", text)


def _json(number: int, text: str) -> Iterator[Row]:
    """One address on a line, as masscan writes its array; commas before the end and a cut file do no harm so."""
    try:
        told = json_of(text)
        ip, seconds, ports = told.get("ip"), told.get("timestamp"), told["ports"]
        rows = [(port["port"], port.get("proto"), port.get("status")) for port in ports]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        yield Reject(number, "not a line of masscan's JSON", text)
        return
    for port, protocol, status in rows:
        is_open = protocol == "tcp" and status == "open"
        yield _open(number, text, ip, port, seconds) if is_open else PassedOver()


def _open(number: int, text: str, ip: object, port: object, seconds: object) -> Row:
    value = port_of(port)
    if not is_address(ip) or value is None:
        return Reject(number, "not an address and a port", text)
    return Open(ip, value, time_of(seconds))
