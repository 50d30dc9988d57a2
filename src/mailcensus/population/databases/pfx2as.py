"""Prefix-to-AS files of RouteViews and CAIDA: prefix, length and origin, one announced prefix a line.

An origin may be several: `a_b` where different peers saw different origins (MOAS), `a,b` or `{a,b}` for an AS set,
and both. All of them are kept.

Source: CAIDA, "RouteViews Prefix-to-AS mappings (pfx2as)", README.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from mailcensus.population.address import BITS, parse_address
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.table import AddressFacts
from mailcensus.population.databases.text import as_numbers, lines_of

_BETWEEN_ORIGINS = re.compile(r"[_,]")


def read_pfx2as(file: BinaryIO) -> TableBuilder:
    """Every announced prefix of a file; one that several lines announce has the origins of all."""
    builder = TableBuilder(announced=True)
    origins: dict[tuple[int, int, int], tuple[int, tuple[int, ...]]] = {}
    for number, line in enumerate(lines_of(file), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            prefix, asns = _parsed(line)
        except ValueError as error:
            builder.reject(number, str(error), line.rstrip())
            continue
        first, known = origins.get(prefix, (number, ()))
        origins[prefix] = first, asns if not known or known == asns else tuple(sorted({*known, *asns}))
    for (version, start, length), (number, asns) in origins.items():
        facts = builder.facts_of(asns, lambda: AddressFacts(asns=asns))  # noqa: B023 (called at once)
        last = start + (1 << (BITS[version] - length)) - 1
        builder.add(version, start, last, facts, line=number, length=length)
    return builder


def _parsed(line: str) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """(IP version, first address, length) and origins."""
    fields = line.split()
    if len(fields) != 3:
        raise ValueError("not prefix, length and AS")
    version, start = parse_address(fields[0])
    length = int(fields[1]) if fields[1].isascii() and fields[1].isdigit() and len(fields[1]) < 4 else -1
    if not 0 <= length <= BITS[version]:
        raise ValueError(f"not a prefix length of 0 to {BITS[version]}")
    if start & ((1 << (BITS[version] - length)) - 1):
        raise ValueError("has bits beyond its length")
    origins = {asn for part in _BETWEEN_ORIGINS.split(fields[2].strip("{}")) for asn in as_numbers(part)}
    if not origins:
        raise ValueError("no AS number")
    return (version, start, length), tuple(sorted(origins))


def looks_like(line: str) -> bool:
    """Whether a line is one of such a file."""
    try:
        _parsed(line)
    except ValueError:
        return False
    return True
