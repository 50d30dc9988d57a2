"""MX records as they are published, and whether what they name can be a host at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailcensus.model import ExchangeState
from mailcensus.population.address import parse_address

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, slots=True, order=True)
class ExchangeName:
    """One MX record."""

    preference: int
    name: str
    """Lower case, no last dot; `.` for the root, which is a null MX (RFC 7505)."""

    @property
    def fault(self) -> ExchangeState | None:
        """Why nobody need ask for its addresses; None: it may have some."""
        if self.name == ".":
            return ExchangeState.NULL_MX
        if _is_address(self.name):
            return ExchangeState.IP_LITERAL
        if "." not in self.name or not all(map(_LABEL.fullmatch, self.name.split("."))):
            return ExchangeState.INVALID
        return None


def exchange_names(rdata: Iterable[str]) -> list[ExchangeName]:
    """The MX records of an answer, each once, the most preferred first."""
    found = set()
    for record in rdata:
        preference, _, name = record.strip().partition(" ")
        if preference.isascii() and preference.isdecimal() and name:
            found.add(ExchangeName(int(preference[:5]), name.lower().removesuffix(".") or "."))
    return sorted(found)


def _is_address(name: str) -> bool:
    """`192.0.2.1`, `[192.0.2.1]`, `[ipv6:2001:db8::1]`."""
    try:
        parse_address(name.replace("\\", "").strip("[]").removeprefix("ipv6:"))
    except ValueError:
        return False
    return True
