"""Names of domains as people write them, into names as DNS has them."""

from __future__ import annotations

import re

import idna

from mailcensus.population.address import parse_address

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
"""Letters, digits, hyphens inside (RFC 1123 section 2.1); `_` happens in names that DNS has."""
_WITHOUT_DOTS = 253
_LONGEST_TEXT = 1_000
"""Far more than any name of 253 octets takes in any script."""


def domain_name(text: str) -> str:
    """The name in DNS of what a list says: A-labels (IDNA 2008 after UTS 46), lower case, no last dot.

    A name of one label is one only with its dot (`ai.`): lists have headings and words.

    Raises:
        ValueError: it is none, with the reason in words.
    """
    text = text.strip()
    _refuse_others(text)
    name = text.lower() if text.isascii() else _a_labels(text)
    if not name.isascii():
        raise ValueError("not a name of a domain")
    absolute, name = name.endswith("."), name.removesuffix(".")
    if len(name) > _WITHOUT_DOTS:
        raise ValueError(f"longer than {_WITHOUT_DOTS} characters")
    for label in name.split("."):
        _check_label(label)
    if "." not in name and not absolute:
        raise ValueError("one label only; where a top-level domain is meant, write it with a dot behind")
    return name


def _refuse_others(text: str) -> None:
    """What is often found in lists of domains and is no domain."""
    if not text:
        raise ValueError("empty")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"longer than {_WITHOUT_DOTS} characters")
    if "://" in text or "/" in text:
        raise ValueError("a URL or a prefix; list the domain alone")
    if "@" in text:
        raise ValueError("an e-mail address; list its domain alone")
    if "*" in text:
        raise ValueError("a wildcard; list the domain under it")
    if _is_address(text):
        raise ValueError("an address; addresses belong in the file that population.hosts names")


def _is_address(text: str) -> bool:
    try:
        parse_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _a_labels(text: str) -> str:
    try:
        return idna.encode(text, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"not a name of IDNA 2008: {error}") from None


def _check_label(label: str) -> None:
    if _LABEL.fullmatch(label):
        return
    if not label:
        raise ValueError("an empty label (two dots, or one in front)")
    if len(label) > 63:
        raise ValueError("a label longer than 63 characters")
    raise ValueError("characters that no name of a host has")
