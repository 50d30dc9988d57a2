"""Registered domains of host names: what somebody had to register, one label below a public suffix.

The public suffix list comes with the package publicsuffixlist; nothing is fetched. Most names end in a plain
top-level domain, so most are answered by their last two labels; only what may have a longer suffix is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from publicsuffixlist import ENCODING, PSLFILE, PublicSuffixList

_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
"""Labels of letters, digits and hyphens (RFC 1123 section 2.1), the last one no number; `_` happens."""


def host_name(text: str | None) -> str | None:
    """A dotted host name in lower case, without a final dot; None: it is none (an address, a bare word)."""
    name = (text or "").lower().removesuffix(".")
    return name if _NAME.fullmatch(name) else None


def registered_domain(name: str) -> str | None:
    """The registered domain of a host name in lower case; None: the name is itself a public suffix."""
    labels = name.rsplit(".", 2)[-2:]
    tail = ".".join(labels)
    tails, wild = _longer()
    if tail in tails or labels[-1] in wild:
        domain = _suffixes().privatesuffix(name)
        return str(domain) if domain is not None else None
    return tail if "." in tail else None


def registered_domains(names: Iterable[str]) -> frozenset[str]:
    """Registered domains of the host names among these, wildcards counted by what stands below the `*`."""
    found = (host_name(name.removeprefix("*.")) for name in names)
    domains = (registered_domain(name) for name in found if name is not None)
    return frozenset(domain for domain in domains if domain is not None)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@cache
def _longer() -> tuple[frozenset[str], frozenset[str]]:
    """The last two labels of suffixes of two labels or more, and top-level domains where any label is a suffix."""
    tails, wild = set(), set()
    for line in Path(PSLFILE).read_text(ENCODING).splitlines():
        rule = line.partition("//")[0].strip().removeprefix("!")
        labels = rule.encode("idna").decode().split(".") if not rule.isascii() else rule.split(".")
        if len(labels) > 1:
            tails.add(".".join(labels[-2:]))
        if len(labels) == 2 and labels[0] == "*":
            wild.add(labels[1])
    return frozenset(tails), frozenset(wild)
