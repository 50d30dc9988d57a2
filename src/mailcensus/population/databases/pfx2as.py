"""Prefix-to-AS files of RouteViews and CAIDA: prefix, length and origin, one announced prefix a line.

An origin may be several: `a_b` where different peers saw different origins (MOAS), `a,b` or `{a,b}` for an AS set,
and both. All of them are kept.

Source: CAIDA, "RouteViews Prefix-to-AS mappings (pfx2as)", README.
"""

from __future__ import annotations

import re
from functools import partial
from typing import BinaryIO

from mailcensus.population.address import BITS, parse_address
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.table import AddressFacts
from mailcensus.population.databases.text import as_numbers, lines_of

Origins = tuple[int, ...]

_BETWEEN_ORIGINS = re.compile(r"[_,]")
_LENGTHS = {str(length): length for length in range(BITS[6] + 1)}


def read_pfx2as(file: BinaryIO) -> TableBuilder:
    """Every announced prefix of a file; one that several lines announce has the origins of all."""
    builder = TableBuilder(announced=True)
    announced: dict[tuple[int, int, int], tuple[int, Origins]] = {}
    read: dict[str, Origins] = {}
    for number, line in enumerate(lines_of(file), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            prefix, origins = _parsed(line, read)
        except ValueError as error:
            builder.reject(number, str(error), line.rstrip())
            continue
        first, known = announced.get(prefix, (number, origins))
        announced[prefix] = first, origins if known == origins else tuple(sorted({*known, *origins}))
    for (version, start, length), (number, origins) in announced.items():
        facts = builder.facts_of(origins, partial(AddressFacts, asns=origins))
        last = start + (1 << (BITS[version] - length)) - 1
        builder.add(version, start, last, facts, line=number, length=length)
    return builder


def _parsed(line: str, read: dict[str, Origins]) -> tuple[tuple[int, int, int], Origins]:
    """(IP version, first address, length) and origins; `read` remembers what texts of origins mean."""
    fields = line.split()
    if len(fields) != 3:
        raise ValueError("not prefix, length and AS")
    version, start = parse_address(fields[0])
    length = _LENGTHS.get(fields[1], BITS[6] + 1)
    if length > BITS[version]:
        raise ValueError(f"not a prefix length of 0 to {BITS[version]}")
    if start & ((1 << (BITS[version] - length)) - 1):
        raise ValueError("has bits beyond its length")
    origins = read.get(fields[2])
    if origins is None:
        origins = read[fields[2]] = _origins(fields[2])
    return (version, start, length), origins


def _origins(text: str) -> Origins:
    found = {asn for part in _BETWEEN_ORIGINS.split(text.strip("{}")) for asn in as_numbers(part)}
    if not found:
        raise ValueError("no AS number")
    return tuple(sorted(found))


def looks_like(line: str) -> bool:
    """Whether a line is one of such a file."""
    try:
        _parsed(line, {})
    except ValueError:
        return False
    return True
