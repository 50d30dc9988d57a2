"""Files of prefixes or addresses: one a line, `#` begins a comment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mailcensus.population.address import parse_prefix
from mailcensus.population.prefixes import PrefixSet, Triple
from mailcensus.study import StudyError

_SHOWN_CHARACTERS = 60
_WIDEST_IPV6_BITS = 24


def read_prefixes(path: Path) -> PrefixSet:
    """The addresses of a file of prefixes and addresses, IPv4 and IPv6.

    Raises:
        StudyError: the file cannot be read, or a line is no prefix or one too wide to be swept.
    """
    return PrefixSet.of_parsed(_parsed(path, "prefix", _sweepable_prefix))


def read_hosts(path: Path) -> PrefixSet:
    """The addresses of a file of addresses. Names are not looked up: which address they have is a finding.

    Raises:
        StudyError: the file cannot be read, or a line is no address.
    """
    return PrefixSet.of_parsed(_parsed(path, "address", _host))


def too_wide_to_sweep(version: int, start: int, stop: int) -> bool:
    """Whether a range is IPv6 and wider than a /104.

    Its 16.8 million addresses take 32 hours at the default rate; a /64 would take four thousand million years.
    """
    return version == 6 and stop - start > 1 << _WIDEST_IPV6_BITS


def _sweepable_prefix(text: str) -> Triple:
    version, start, stop = parse_prefix(text)
    if too_wide_to_sweep(version, start, stop):
        raise ValueError(
            "no sweep of so many addresses ends; list IPv6 as addresses or prefixes from /104 on"
        )
    return version, start, stop


def _host(text: str) -> Triple:
    if "/" in text:
        raise ValueError(
            "a prefix, not an address; prefixes belong in the file that population.prefixes names"
        )
    return parse_prefix(text)


def _parsed(path: Path, kind: str, parse: Callable[[str], Triple]) -> Iterator[Triple]:
    for number, text in lines_of(path):
        try:
            yield parse(text)
        except ValueError as error:
            raise StudyError(f"{path}: bad {kind} at line {number}: {shown(text)}: {error}") from None


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers, from 1, and what stands there before any comment; lines with nothing are passed over."""
    try:
        with path.open(encoding="utf-8-sig", errors="backslashreplace") as file:
            for number, line in enumerate(file, start=1):
                text = line.partition("#")[0].strip()
                if text:
                    yield number, text
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}; mend the path in study.toml") from None


def shown(text: str) -> str:
    """A line as an error may quote it: cut, and without anything that steers a terminal."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return ascii(cut)
