"""Text of strangers, made harmless for a reader's eye.

Control and bidirectional characters hide or reorder text, and on a terminal they are commands. They are shown as
escapes (`\\x1b`, `\\u202e`), so that what is read is what was sent.
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
"""Unicode general categories that print nothing or steer how other text prints (bidi marks are Cf)."""
_SUSPECT = re.compile(r"[^\x20-\x7e]")


def visible(text: str) -> str:
    """The text with every character that would not show itself written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(_shown, text)


def one_line(text: str) -> str:
    """The same with a space where lines end: a reply of several lines in a place that has one."""
    return visible(text.replace("\n", " "))


def is_hidden(character: str) -> bool:
    """Whether a character does not show itself."""
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or (character.isspace() and character != " ")


def escaped(character: str) -> str:
    """The escape of one character, e.g. `\\x1b`."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shown(match: re.Match[str]) -> str:
    character = match.group()
    return escaped(character) if is_hidden(character) else character
