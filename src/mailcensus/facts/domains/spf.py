"""SPF records (RFC 7208): read, not evaluated; included records are not fetched."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcensus.facts.domains.texts import visible
from mailcensus.model import PolicyState, Spf

_MOST_LOOKUPS = 10
"""RFC 7208 section 4.6.4."""
_MOST_INCLUDES = 100
_TERM = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)(?:([:=/])(.*))?", re.DOTALL)
_MECHANISMS = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
_COST_A_LOOKUP = frozenset({"include", "a", "mx", "ptr", "exists"})
_NEED_A_VALUE = frozenset({"include", "ip4", "ip6", "exists"})


def is_spf(text: str) -> bool:
    """Whether a TXT record is one (section 4.5)."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def read_spf(texts: Sequence[str]) -> Spf:
    """What the TXT records of a domain say of its senders."""
    records = tuple(visible(text) for text in texts if is_spf(text))
    if not records:
        return Spf(state=PolicyState.ABSENT)
    if len(records) > 1:
        return Spf(
            state=PolicyState.INVALID, records=records, error=f"{len(records)} records; there may be one"
        )
    read = _Read()
    error = None
    try:
        for term in records[0].split(" ")[1:]:
            if term:
                read.take(term)
        if read.lookups > _MOST_LOOKUPS:
            error = f"{read.lookups} terms that cost a look-up; there may be {_MOST_LOOKUPS}"
    except ValueError as bad:
        error = str(bad)
    return Spf(
        state=PolicyState.PRESENT if error is None else PolicyState.INVALID,
        records=records,
        all_qualifier=read.all_qualifier,
        includes=tuple(read.includes[:_MOST_INCLUDES]),
        redirect=read.redirect,
        lookups=min(read.lookups, 65_535),
        error=error,
    )


@dataclass(slots=True)
class _Read:
    """What the terms so far say."""

    all_qualifier: str | None = None
    includes: list[str] = field(default_factory=list)
    redirect: str | None = None
    lookups: int = 0

    def take(self, term: str) -> None:
        match = _TERM.fullmatch(term)
        if match is None:
            raise ValueError(f"no term: {term[:60]!a}")
        qualifier, name, mark, value = match[1], match[2].lower(), match[3], match[4] or ""
        if mark == "=":
            self._modifier(qualifier, name, value, term)
        else:
            self._mechanism(qualifier or "+", name, mark, value)

    def _modifier(self, qualifier: str, name: str, value: str, term: str) -> None:
        if qualifier:
            raise ValueError(f"no term: {term[:60]!a}")
        if name == "redirect":
            if self.redirect is not None or not value:
                raise ValueError("redirect twice" if value else "redirect without a domain")
            self.redirect = value.lower().rstrip(".")
            self.lookups += 1

    def _mechanism(self, qualifier: str, name: str, mark: str | None, value: str) -> None:
        if name not in _MECHANISMS:
            raise ValueError(f"no mechanism: {name[:60]!a}")
        if name in _NEED_A_VALUE and (mark != ":" or not value):
            raise ValueError(f"{name} without a value")
        self.lookups += name in _COST_A_LOOKUP
        if name == "include":
            self.includes.append(value.lower().rstrip("."))
        elif name in ("ip4", "ip6"):
            _check_network(name, value)
        elif name == "all":
            if mark is not None:
                raise ValueError("all with a value")
            if self.all_qualifier is None:  # what stands behind it is never reached
                self.all_qualifier = qualifier


def _check_network(name: str, value: str) -> None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{name}: no network: {value[:60]!a}") from None
    if network.version != int(name[2]):
        raise ValueError(f"{name}: a network of IPv{network.version}")
