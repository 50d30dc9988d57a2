"""Records as master files write them (RFC 1035 section 5.1), back into what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r'"((?:[^"\\]|\\\d{3}|\\[^\d])*)"|([^\s"]+)')
_ESCAPE = re.compile(r"\\(?:(\d{3})|(.))", re.DOTALL)


def text_of(rdata: str) -> str:
    """A TXT record's strings joined without anything between, as its readers do (RFC 7208 section 3.3).

    Bytes beyond ASCII come out as U+0080 to U+00FF.
    """
    return "".join(_strings(rdata))


def strings_of(rdata: str) -> list[str]:
    """The fields of a record, quoted or not."""
    return list(_strings(rdata))


def _strings(rdata: str) -> Iterator[str]:
    for match in _STRING.finditer(rdata):
        yield _ESCAPE.sub(_unescaped, match[1] if match[1] is not None else match[2])


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1]) & 0xFF) if escape[1] else escape[2]


def visible(text: str, characters: int = 2_000) -> str:
    """A text that somebody publishes, as a column may hold it: cut, control characters made visible."""
    shown = text[:characters]
    return (
        shown if shown.isprintable() else "".join(c if c.isprintable() else f"\\{ord(c):03d}" for c in shown)
    )
