"""Exclusion files: whom never to ask, one a line, and where somebody says so since when and why.

    192.0.2.0/24                                     # what follows a # is the reader's own
    2001:db8::/32   2026-11-22  opt-out by mail
    AS64500         2026-11-22
    country:IE      2026-11-22  asked to by the CERT
    domain:example.org

`10.1.2.3/16` means the whole `10.1.0.0/16`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from mailcensus.population.address import parse_prefix
from mailcensus.population.lists import lines_of, shown
from mailcensus.population.prefixes import Triple
from mailcensus.study import StudyError

NO_REASON = "no reason given"
_AS = re.compile(r"AS([0-9]{1,10})", re.IGNORECASE)
_COUNTRY = re.compile(r"country:([a-z]{2})", re.IGNORECASE)
_DOMAIN = "domain:"
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_DOMAIN_CHARACTERS = 253
"""Of a name in text without its last dot, RFC 1035 section 2.3.4."""


class Kind(StrEnum):
    """What an entry names."""

    PREFIX = "prefix"
    AS = "as"
    COUNTRY = "country"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an exclusion file."""

    kind: Kind
    name: str
    """A prefix as it stands in the file, `AS64500`, `country:IE` or `domain:example.org`."""
    value: str
    """The same without its kind: 64500, IE, example.org."""
    since: date
    reason: str
    triple: Triple | None = None
    """Of a prefix: its addresses."""


def read_entries(path: Path) -> tuple[Entry, ...]:
    """Every entry of a file.

    Raises:
        StudyError: the file cannot be read, or a line says nothing that can be understood.
    """
    entries: list[Entry] = []
    written = _date_of(path)
    for number, text in lines_of(path):
        try:
            entries.append(parse_entry(text, written))
        except ValueError as error:
            raise StudyError(f"{path}: bad exclusion at line {number}: {shown(text)}: {error}") from None
    return tuple(entries)


def readable_entries(path: Path) -> tuple[Entry, ...]:
    """What `read_entries` gives, of the lines that can be understood.

    Where the first word of a line says whom and the rest of it is wrong, the word counts: in doubt fewer are asked.
    """
    try:
        return tuple(_readable(path, _date_of(path)))
    except StudyError:
        return ()


def is_under(name: str, domain: str) -> bool:
    """Whether a host name, or a wildcard of names, is a domain's own; upper and lower case are the same."""
    name = name.lower().removeprefix("*.").rstrip(".")
    return name == domain or name.endswith(f".{domain}")


def _readable(path: Path, written: date) -> Iterator[Entry]:
    for _, text in lines_of(path):
        for attempt in (text, text.split()[0]):
            try:
                yield parse_entry(attempt, written)
                break
            except ValueError:
                continue


def parse_entry(text: str, written: date) -> Entry:
    """One entry, without comment.

    Args:
        written: the day it counts from where it names none.

    Raises:
        ValueError: not an entry; the message says what is wrong.
    """
    whom, *said = text.split(maxsplit=2)
    since = _date(said[0]) if said else written
    reason = said[1] if len(said) > 1 else NO_REASON
    kind, name, value = _whom(whom)
    triple = parse_prefix(whom, widen=True) if kind is Kind.PREFIX else None
    return Entry(kind, name, value, since, reason, triple)


def _whom(text: str) -> tuple[Kind, str, str]:
    """Kind, name and value of an entry; what is none of the others is to be a prefix."""
    if (match := _AS.fullmatch(text)) is not None:
        number = _as_number(match[1])
        return Kind.AS, f"AS{number}", number
    if (match := _COUNTRY.fullmatch(text)) is not None:
        code = match[1].upper()
        return Kind.COUNTRY, f"country:{code}", code
    if text.lower().startswith(_DOMAIN):
        domain = _domain(text[len(_DOMAIN) :].lower())
        return Kind.DOMAIN, f"{_DOMAIN}{domain}", domain
    return Kind.PREFIX, text, text


def _as_number(digits: str) -> str:
    if int(digits) >= 1 << 32:
        raise ValueError("AS numbers have 32 bits, RFC 6793")
    return str(int(digits))


def _domain(text: str) -> str:
    """A domain as the DNS has it: lower case, letters beyond ASCII encoded (RFC 3490)."""
    name = text.rstrip(".")
    try:
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("not a domain") from None
    labels = name.split(".")
    if len(name) > _DOMAIN_CHARACTERS or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("not a domain of two labels or more")
    return name


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("after whom to exclude comes a date such as 2026-11-22, then the reason") from None


def _date_of(path: Path) -> date:
    """The day a file was last written, UTC; one that cannot be looked at fails when it is read."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    except OSError:
        return date.min
