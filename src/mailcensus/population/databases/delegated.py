"""Delegated statistics of the regional registries, plain and extended: who was given which block.

A line is `registry|cc|type|start|value|date|status[|opaque-id...]`. The value is a number of addresses for IPv4,
which need not be a power of two, and a prefix length for IPv6. The country is where the holder is registered,
which is not where the addresses are used: it is kept as `registered_country`.

Source: "RIR statistics exchange format" (RIPE NCC, APNIC), versions 2 and 2.3.
"""

from __future__ import annotations

from typing import BinaryIO

from mailcensus.population.address import BITS, parse_address
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.table import AddressFacts
from mailcensus.population.databases.text import country_code, lines_of

_VERSIONS = ("2", "2.1", "2.2", "2.3")
_NOBODYS = ("available", "reserved")


def read_delegated(file: BinaryIO) -> TableBuilder:
    """Every block that somebody holds. Blocks that are available or reserved, and AS numbers, are passed over."""
    builder = TableBuilder()
    for number, line in enumerate(lines_of(file), start=1):
        fields = line.rstrip().split("|")
        if not line.strip() or line.startswith("#") or _is_heading(fields):
            continue
        try:
            _take(builder, number, fields)
        except ValueError as error:
            builder.reject(number, str(error), line.rstrip())
    return builder


def _is_heading(fields: list[str]) -> bool:
    """The version line, or a summary line."""
    return fields[0] in _VERSIONS or fields[-1] == "summary"


def _take(builder: TableBuilder, number: int, fields: list[str]) -> None:
    if len(fields) < 7:
        raise ValueError("not registry|cc|type|start|value|date|status")
    _, code, kind, first, value, _, status = fields[:7]
    if kind == "asn" or status in _NOBODYS:
        return
    if kind not in ("ipv4", "ipv6"):
        raise ValueError("neither asn nor ipv4 nor ipv6")
    version, start = parse_address(first)
    if version != int(kind[-1]):
        raise ValueError(f"not an {kind} address")
    last = start + _size(version, value) - 1
    if last >> BITS[version]:
        raise ValueError("goes beyond the last address")
    country = country_code(code)
    facts = builder.facts_of(country, lambda: AddressFacts(registered_country=country))
    builder.add(version, start, last, facts, line=number)


def _size(version: int, value: str) -> int:
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 11 else 0
    if version == 4 and number:
        return number
    if version == 6 and 0 < number <= BITS[6]:
        return 1 << (BITS[6] - number)
    raise ValueError("not a number of addresses" if version == 4 else "not a prefix length of 1 to 128")


def looks_like(line: str) -> bool:
    """Whether a line is the first of such a file, or one of a file without its heading."""
    fields = line.rstrip().split("|")
    return len(fields) >= 6 and (fields[0] in _VERSIONS or fields[2] in ("asn", "ipv4", "ipv6"))


def end_date(line: str) -> str | None:
    """The last day that a version line speaks of, ISO 8601; None where it has none."""
    fields = line.rstrip().split("|")
    text = fields[5] if len(fields) > 6 and fields[0] in _VERSIONS else ""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else None
