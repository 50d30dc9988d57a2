"""Fields of JSON that others wrote: of the type we expect, or None."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]
_NOTHING: Fields = {}


def fields(value: object) -> Fields:
    """An object; empty where it is none."""
    return value if isinstance(value, dict) else _NOTHING


def inner(value: object, *names: str) -> Fields:
    """An object inside objects; empty where one of them is missing."""
    for name in names:
        if not isinstance(value, dict):
            return _NOTHING
        value = value.get(name)
    return value if isinstance(value, dict) else _NOTHING


def text(value: object) -> str | None:
    """A text."""
    return value if isinstance(value, str) else None


def whole(value: object, most: int) -> int | None:
    """A whole number from 0 to `most`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    return None


def flag(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def octets(value: object) -> bytes | None:
    """Bytes written as base64."""
    if not isinstance(value, str):
        return None
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def names(value: object) -> tuple[str, ...] | None:
    """A list of texts."""
    if not isinstance(value, list):
        return None
    try:
        "".join(value)  # the quickest way to see that each is a text
    except TypeError:
        return None
    return tuple(value)
