"""CSV files that say something of prefixes, domains, ASes or groups: a header, then one of these a line.

asn,prefix,domain,group,contact,language
64500,,,,abuse@isp.example,de
,192.0.2.0/24,,,noc@host.example,
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from mailcensus.outreach.holdings import Holdings
from mailcensus.population.address import parse_prefix
from mailcensus.population.lists import shown
from mailcensus.population.registered_domains import host_name
from mailcensus.study import StudyError

Value = TypeVar("Value")
Row = dict[str, str]

SUBJECTS = ("prefix", "domain", "asn", "group")
"""Columns that say what a line is about; exactly one of them is filled in."""
_LINE_CHARACTERS = 10_000


def read_holdings_csv(path: Path, needed: str, value: Callable[[Row], Value]) -> Holdings[Value]:
    """What a file says.

    Args:
        needed: the column that must be there.
        value: makes of a row what is kept; a ValueError says what is wrong with it.
    Raises:
        StudyError: it cannot be read, or a line says nothing that can be understood.
    """
    holdings: Holdings[Value] = Holdings()
    subjects = [name for name in SUBJECTS if name != needed]
    for number, row in _rows(path, needed, subjects):
        try:
            _put(holdings, row, subjects, value(row))
        except ValueError as error:
            raise StudyError(f"{path}: line {number}: {shown(','.join(row.values()))}: {error}") from None
    return holdings


def _rows(path: Path, needed: str, subjects: list[str]) -> Iterator[tuple[int, Row]]:
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            reader = csv.reader(_short_lines(path, file), strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            if needed not in header or not set(header) & set(subjects) or len(set(header)) < len(header):
                raise StudyError(
                    f"{path}: line 1: {shown(','.join(header))}: the header needs {needed} and one or more of "
                    f"{', '.join(subjects)}, each once"
                )
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    if len(cells) > len(header):
                        raise StudyError(f"{path}: line {reader.line_num}: more cells than the header has")
                    cells += [""] * (len(header) - len(cells))
                    yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
    except csv.Error as error:
        raise StudyError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None


def _short_lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if len(line) > _LINE_CHARACTERS:
            raise StudyError(f"{path}: line {number}: longer than {_LINE_CHARACTERS:,} characters")
        yield line


def _put(holdings: Holdings[Value], row: Row, subjects: list[str], value: Value) -> None:
    told = [name for name in subjects if row.get(name)]
    if len(told) != 1:
        raise ValueError(f"needs exactly one of {', '.join(subjects)}")
    text = row[told[0]]
    match told[0]:
        case "prefix":
            version, start, stop = parse_prefix(text)
            holdings.put_range(version, start, stop - 1, value)
        case "asn":
            holdings.by_asn.setdefault(as_number(text), value)
        case "domain":
            name = host_name(text)
            if name is None:
                raise ValueError("not a domain")
            holdings.by_domain.setdefault(name, value)
        case _:
            holdings.by_group.setdefault(text, value)


def as_number(text: str) -> int:
    """The number of an AS, with or without AS before it.

    Raises:
        ValueError: it is none.
    """
    digits = text.upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) < 1 << 32):
        raise ValueError("not an AS number")
    return int(digits)
