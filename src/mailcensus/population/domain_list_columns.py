"""Lists of domains as tables: which separator, which heading, which column."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from mailcensus.population.domain_name import domain_name
from mailcensus.study import StudyError

HEADINGS = (
    "domain name", "domain", "domains", "fqdn", "dns name", "dns", "hostname", "host name", "host", "zone", "name",
    "website", "queried",
)  # fmt: skip
"""Headings of a column of domains, the surest first."""

_SEPARATORS = ",;\t|"
_SAMPLE_ROWS = 200
_LONGEST_FIELD = 1 << 20

Row = tuple[int, str, Mapping[str, str]]
"""Line, domain as it stands there, other columns."""


def table_rows(path: Path, text: str, column: str | None, groups: Iterable[str] | None) -> Iterator[Row]:
    """The rows of a table or of a plain list; lines that begin with # and empty ones are passed over.

    Raises:
        StudyError: there is no such column.
    """
    separator = _separator(text)
    sample = [cells for _, cells in islice(_rows(text, separator), _SAMPLE_ROWS)]
    heading, place = _column(path, sample, column)
    names = _names(heading, max(map(len, sample), default=0))
    kept = _kept(path, names, place, groups)
    rows = _rows(text, separator)
    if heading is not None:
        next(rows, None)
    for line, cells in rows:
        said = {name: cells[at].strip() for at, name in kept if at < len(cells) and cells[at].strip()}
        yield line, cells[place] if place < len(cells) else "", said


def _separator(text: str) -> str | None:
    """What separates columns: what the first line has most of; None: there is one column."""
    first = next((line for line in _lines(text) if line.strip() and not line.startswith("#")), "")
    counts = {mark: first.count(mark) for mark in _SEPARATORS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else None


def _lines(text: str) -> Iterator[str]:
    """Lines one by one: the text may be long."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def _rows(text: str, separator: str | None) -> Iterator[tuple[int, list[str]]]:
    if separator is None:
        for number, line in enumerate(_lines(text), start=1):
            if word := line.partition("#")[0].strip():
                yield number, [word]
        return
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader((f"{line}\n" for line in _lines(text)), delimiter=separator, skipinitialspace=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, [""]
            continue
        if any(map(str.strip, cells)) and not cells[0].startswith("#"):
            yield reader.line_num, cells


def _column(
    path: Path, sample: Sequence[Sequence[str]], wanted: str | None
) -> tuple[Sequence[str] | None, int]:
    """The heading, where there is one, and the place of the column of the domain."""
    first = sample[0] if sample else []
    plain = [_plain(cell) for cell in first]
    if wanted is not None:
        return _wanted_column(path, first, plain, wanted)
    for name in HEADINGS:
        if name in plain:
            return first, plain.index(name)
    width = max(map(len, sample), default=0)
    counts = [sum(place < len(row) and _is_domain(row[place]) for row in sample) for place in range(width)]
    place = max(range(width), key=lambda at: counts[at], default=0)
    is_heading = len(sample) > 1 and width > 1 and not (place < len(first) and _is_domain(first[place]))
    return (first if is_heading else None), place


def _wanted_column(
    path: Path, first: Sequence[str], plain: Sequence[str], wanted: str
) -> tuple[Sequence[str] | None, int]:
    if _plain(wanted) in plain:
        return first, plain.index(_plain(wanted))
    if wanted.isdecimal() and 0 < int(wanted) <= len(first):
        place = int(wanted) - 1
        return (None if _is_domain(first[place]) else first), place
    there = ", ".join(repr(cell) for cell in first[:20])
    raise StudyError(f"{path}: has no column {wanted!r}; its first line has {there}; mend domains.column")


def _plain(cell: str) -> str:
    return " ".join(cell.replace("_", " ").casefold().split())


def _is_domain(cell: str) -> bool:
    try:
        domain_name(cell)
    except ValueError:
        return False
    return True


def _names(heading: Sequence[str] | None, width: int) -> list[str]:
    """Names of the columns, each once."""
    names: list[str] = []
    for place in range(width):
        given = heading[place].strip() if heading is not None and place < len(heading) else ""
        name = given or f"column {place + 1}"
        names.append(name if name not in names else f"{name} ({place + 1})")
    return names


def _kept(
    path: Path, names: Sequence[str], place: int, groups: Iterable[str] | None
) -> list[tuple[int, str]]:
    if groups is None:
        return [(at, name) for at, name in enumerate(names) if at != place]
    by_plain = {_plain(name): at for at, name in enumerate(names)}
    kept = []
    for group in groups:
        if _plain(group) not in by_plain:
            raise StudyError(f"{path}: has no column {group!r}; mend domains.groups")
        at = by_plain[_plain(group)]
        kept.append((at, names[at]))
    return kept
