"""What readers of other tools' files give, and how lines of any file come to them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, TypeGuard, cast

import orjson

from mailcensus.dataset.imports.json_fields import Fields, fields
from mailcensus.model import Observation
from mailcensus.population.address import parse_address

LONGEST_LINE = 16 << 20
"""Bytes; a longer line is rejected and never held."""
_GZIP = b"\x1f\x8b"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 1 << 33
"""The year 2242; what lies beyond is no time of a scan."""


@dataclass(frozen=True, slots=True)
class Open:
    """A port that listens."""

    ip: str
    port: int | None
    """None: the file does not say."""
    seen_at: datetime | None
    """None: the file does not say."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be read."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A sound row that says nothing of what a study records, such as a closed port."""


Row = Open | Observation | Reject | PassedOver


def open_bytes(raw: IO[bytes]) -> IO[bytes]:
    """What an open file says, decompressed where it is gzip's. It can be looked ahead in (`peek`)."""
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw


def lines_of(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Line numbers, from 1, with lines; None for a line that is too long."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        too_long = not line.endswith(b"\n") and len(line) == LONGEST_LINE
        while too_long and (rest := stream.readline(LONGEST_LINE)):
            if rest.endswith(b"\n"):
                break
        yield number, None if too_long else line.strip()


def texts_of(stream: IO[bytes]) -> Iterator[Reject | tuple[int, str]]:
    """Line numbers with lines as text: bytes that are not UTF-8 are replaced."""
    for number, line in lines_of(stream):
        yield (
            Reject(number, "line too long", "") if line is None else (number, line.decode("utf-8", "replace"))
        )


def objects_of(stream: IO[bytes]) -> Iterator[Reject | tuple[int, bytes, Fields]]:
    """JSON lines: line number, line, and its object, which is empty where the line is JSON and no object."""
    for number, line in lines_of(stream):
        if line is None:
            yield Reject(number, "line too long", "")
        elif line:
            try:
                told = json_of(line)
            except (ValueError, RecursionError):
                yield Reject(number, "not JSON", line.decode("utf-8", "replace"))
            else:
                yield number, line, fields(told)


def rows_of_objects(stream: IO[bytes], read: Callable[[int, bytes, Fields], Iterator[Row]]) -> Iterator[Row]:
    """What `read` makes of each object of JSON lines, and the lines that are none."""
    for found in objects_of(stream):
        if isinstance(found, Reject):
            yield found
        else:
            yield from read(*found)


def json_of(line: bytes | str) -> Any:
    """What a line of JSON says.

    orjson reads at twice the speed of the standard library and refuses more: NaN, halves of surrogate pairs, deep
    nesting. What it refuses is read by that library, halves of pairs as U+FFFD: no table could hold them.

    Raises:
        ValueError: it is not JSON, or not UTF-8.
        RecursionError: it is nested too deeply.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        said = json.loads(line if isinstance(line, str) else line.decode("utf-8"))
        written = json.dumps(said, ensure_ascii=False)
        return json.loads(written.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def values_of_csv(line: str) -> list[str]:
    """The fields of a line of CSV; none where it is no CSV: a bare CR in it, a field over the module's cap."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def row_of_csv(number: int, line: str, header: Sequence[str]) -> Reject | dict[str, str]:
    """The fields of a line of CSV by the names in its header."""
    values = values_of_csv(line)
    if len(values) != len(header):
        return Reject(number, f"{len(values)} fields where the header has {len(header)}", line)
    return dict(zip(header, values, strict=True))


def is_address(text: object) -> TypeGuard[str]:
    """Whether it is the text of an address."""
    if not isinstance(text, str):
        return False
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def port_of(value: object) -> int | None:
    """A port, given as number or text; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536:
        return value
    return None


def time_of(seconds: object, micros: object = 0) -> datetime | None:
    """A time from seconds since the epoch and microseconds, numbers or texts; None where they are none."""
    whole, fraction = _number(seconds), _number(micros)
    if whole is None or not 0 <= whole < _LAST_SECOND:
        return None
    return _EPOCH + timedelta(
        seconds=whole, microseconds=fraction if fraction and fraction < 1_000_000 else 0
    )


def time_of_text(text: object) -> datetime | None:
    """A time as ISO 8601 writes it; without a zone it is UTC; None where it is none."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is UTC:
        return found
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None
