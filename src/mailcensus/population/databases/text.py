"""Text databases: their lines, packed with gzip or not, and the words that stand in many of them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

GZIP = b"\x1f\x8b"
_LINE_CHARACTERS = 16_384
"""No row of any format is nearly so long; longer lines are read in pieces, which are rejected one by one."""

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_ASN = re.compile(r"(?:AS)?(\d{1,10})", re.IGNORECASE)
_MAX_ASN = 0xFFFF_FFFF

YES = {"1": True, "true": True, "t": True, "0": False, "false": False, "f": False}
"""How databases write yes and no; anything else says neither."""


class Unreadable(Exception):
    """The file is not what it seemed to be; the message says why."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file's content, unpacked where it is gzip.

    Raises:
        Unreadable: it is a broken gzip file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        try:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Unreadable(f"broken gzip ({error})") from None


def lines_of(file: BinaryIO) -> Iterator[str]:
    """The lines of a file, each of bounded length."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="backslashreplace", newline="")
    return iter(partial(text.readline, _LINE_CHARACTERS), "")


def csv_fields(line: str) -> list[str]:
    """The fields of one CSV line. No format here has fields of several lines, so a stray quote costs one row.

    Raises:
        ValueError: its quotes do not match.
    """
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise ValueError(f"not CSV ({error})") from None


def country_code(text: str) -> str | None:
    """A country code in upper case; None for an empty field and for ZZ, which is no country.

    Raises:
        ValueError: something else than two letters.
    """
    text = text.strip()
    if not text or text.upper() == "ZZ":
        return None
    if not _COUNTRY.fullmatch(text):
        raise ValueError("not a country code of two letters")
    return text.upper()


def as_numbers(text: str) -> tuple[int, ...]:
    """AS numbers such as `13335` or `AS13335`, none for an empty field and for 0 (RFC 7607: nobody's).

    Raises:
        ValueError: something else.
    """
    text = text.strip()
    if not text:
        return ()
    match = _ASN.fullmatch(text)
    if match is None or int(match[1]) > _MAX_ASN:
        raise ValueError("not an AS number")
    return (int(match[1]),) if int(match[1]) else ()


def degrees(text: str, limit: int) -> float | None:
    """A latitude (limit 90) or longitude (limit 180); None for an empty field.

    Raises:
        ValueError: not a number within the limit.
    """
    if not text.strip():
        return None
    value = float(text)
    if not -limit <= value <= limit:
        raise ValueError("not a place on earth")
    return value
