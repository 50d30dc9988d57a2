"""Lists of tags, `name=value; ...` (RFC 6376 section 3.2), as DMARC, MTA-STS and TLS reporting have them."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def tags_of(text: str) -> dict[str, str]:
    """Values by name, names in lower case.

    Raises:
        ValueError: a tag is not `name=value`, or stands there twice.
    """
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"not name=value: {part.strip()[:60]!a}")
        if name.lower() in tags:
            raise ValueError(f"tag {name} twice")
        tags[name.lower()] = value
    return tags


def addresses_in(value: str) -> tuple[str, ...]:
    """The addresses of a list with commas, as published."""
    return tuple(address for part in value.split(",") if (address := part.strip()))
