"""Which software a server says it is: product, version and operating system out of greetings and headers.

The rules are data (`software.toml`). A rule costs one substring test unless its word is there; patterns repeat only
within bounds and see at most TEXT_CHARACTERS, so that hostile text costs no more than honest text.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from mailcensus.wire.exchange import Findings

TEXT_CHARACTERS = 2_048
"""How much of a text is looked at; the longest honest greetings are IMAP ones with all their capabilities."""


@dataclass(frozen=True, slots=True)
class Software:
    """What a server says of itself. Whoever runs it can make it say anything."""

    product: str
    version: str | None = None
    os: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of software.toml."""

    product: str
    protocols: frozenset[str]
    word: str
    pattern: re.Pattern[str]
    os: str | None
    examples: tuple[tuple[str, str, str], ...]
    """Text, version, operating system; empty where it does not say."""


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order they are tried."""
    return tuple(
        Rule(
            product=row["product"],
            protocols=frozenset(row["protocols"]),
            word=row["word"],
            pattern=re.compile(row["pattern"], re.IGNORECASE),
            os=row.get("os"),
            examples=tuple((text, version, os) for text, version, os in row["examples"]),
        )
        for row in _data()["rule"]
    )


def identify(protocol: str, text: str) -> Software | None:
    """The software that a text names.

    Args:
        protocol: as in the services table (smtp, imap, ssh, http, ...).
        text: a greeting, SSH identification, Server header or capability lines.
    Returns:
        The first rule's answer; None: no rule fits.
    """
    return _identify("smtp" if protocol == "lmtp" else protocol, text[:TEXT_CHARACTERS])


def identify_server(protocol: str, findings: Findings) -> Software | None:
    """The software behind a grab, from whatever of it its protocol shows.

    HTTP: the Server header; SSH: the identification; else the greeting and, where that names nothing, the
    capabilities (IMPLEMENTATION of POP3, caps node of XMPP, vendor capabilities of IRC).
    """
    for text in _evidence(findings):
        if text and (software := identify(protocol, text)):
            return software
    return None


@lru_cache(maxsize=1_024)
def _identify(protocol: str, text: str) -> Software | None:
    lowered = text.lower()
    for word, rule in _rules_of(protocol):
        if word in lowered and (match := rule.pattern.search(text)):
            return _software(rule, match.groupdict())
    return None


def _evidence(findings: Findings) -> tuple[str | None, ...]:
    capabilities = findings.capabilities_after or findings.capabilities_before or ()
    return (
        findings.http.server if findings.http else None,
        findings.ssh.identification if findings.ssh else None,
        findings.greeting,
        "\n".join(capabilities),
    )


def _software(rule: Rule, groups: dict[str, str | None]) -> Software:
    version, os = groups.get("version"), groups.get("os")
    if os:
        os = _os_names().get(os.lower(), os)
    return Software(rule.product, version.rstrip(".-") if version else None, os or rule.os)


@cache
def _rules_of(protocol: str) -> tuple[tuple[str, Rule], ...]:
    return tuple((rule.word, rule) for rule in rules() if protocol in rule.protocols)


@cache
def _os_names() -> dict[str, str]:
    return dict(_data()["os"])


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("mailcensus.wire").joinpath("software.toml").read_text(encoding="utf-8"))
