"""Which versions their makers no longer mend, with the day that ended and where it is said.

The maker's word, not the distribution's: Debian and Red Hat mend old versions themselves without changing the number.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from mailcensus.wire.software import Software

_NUMBER = re.compile(r"[0-9]{1,9}")
_DOTTED = re.compile(r"[0-9]{1,9}(?:[._][0-9]{1,9}){0,7}")


@dataclass(frozen=True, slots=True)
class EndOfLife:
    """A version's support has ended."""

    ended: date
    source: str
    as_of: date
    """The newest date the source held when it was read."""


@dataclass(frozen=True, slots=True)
class _Series:
    below: tuple[int, ...]
    end: EndOfLife


def end_of_life(software: Software) -> EndOfLife | None:
    """When this version's support ended.

    Returns:
        None: it had not ended as of its source, or the version or the product is not known.
    """
    version = _numbers(software.version or "")
    ended = (series for series in _series().get(software.product, ()) if version and version < series.below)
    return next((series.end for series in ended), None)


def _numbers(version: str) -> tuple[int, ...]:
    """`4.90_1` as (4, 90, 1); what is behind the first letter does not order versions."""
    dotted = _DOTTED.match(version)
    return tuple(int(number) for number in _NUMBER.findall(dotted[0])) if dotted else ()


@cache
def _series() -> dict[str, tuple[_Series, ...]]:
    text = files("mailcensus.wire").joinpath("software_end_of_life.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return {
        row["product"]: tuple(
            _Series(_numbers(below), EndOfLife(ended, source["url"], source["as_of"]))
            for below, ended in row["below"]
        )
        for row in data["ended"]
        for source in (data["sources"][row["source"]],)
    }
