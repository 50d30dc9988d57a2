"""zmap's results: CSV with a header, JSON lines, or a plain list of addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO

from mailcensus.dataset.imports.rows import (
    Open,
    PassedOver,
    Reject,
    Row,
    is_address,
    json_of,
    port_of,
    row_of_csv,
    texts_of,
    time_of,
    time_of_text,
)

_TRUE = ("1", 1, True, "true")


def read_zmap(stream: IO[bytes]) -> Iterator[Row]:
    """The rows of a zmap file, in any of its three forms; the first line tells which."""
    header: list[str] | None = None
    for found in texts_of(stream):
        if isinstance(found, Reject):
            yield found
            continue
        number, text = found
        if number == 1 and _is_header(text):
            header = [_plain(name) for name in text.split(",")]
        elif text and not text.startswith("#"):
            yield _row(number, text, header)


def _is_header(text: str) -> bool:
    return "saddr" in text.split(",")


def _plain(name: str) -> str:
    """zmap 2 writes timestamp-ts, zmap 3 and 4 timestamp_ts."""
    return name.strip().replace("-", "_")


def _row(number: int, text: str, header: list[str] | None) -> Row:
    if header is not None:
        row = row_of_csv(number, text, header)
        return row if isinstance(row, Reject) else _fields(number, text, row)
    if text.startswith("{"):
        try:
            told = json_of(text)
        except (ValueError, RecursionError):
            return Reject(number, "not JSON", text)
        return _fields(number, text, {_plain(name): value for name, value in told.items()})
    return Open(text, None, None) if is_address(text) else Reject(number, "not an address", text)


def _fields(number: int, text: str, row: Mapping[str, object]) -> Row:
    ip = row.get("saddr")
    if not is_address(ip):
        return Reject(number, "saddr is not an address", text)
    if row.get("success", 1) not in _TRUE or row.get("classification", "synack") not in (
        "synack",
        '"synack"',
    ):
        return PassedOver()
    port = None
    if "sport" in row:
        port = port_of(row["sport"])
        if port is None:
            return Reject(number, "sport is not a port", text)
    seen_at = time_of(row.get("timestamp_ts"), row.get("timestamp_us", 0)) or time_of_text(
        row.get("timestamp_str")
    )
    return Open(ip, port, seen_at)
