"""Tokens: what names a message of an experiment, in its recipient and in its text."""

from __future__ import annotations

import re
import secrets

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without l, o, 0 and 1, since people copy tokens by hand."""
_LENGTH = 16
_TOKEN = re.compile(rb"mc-[a-km-np-z2-9]{16}(?![a-z0-9])", re.IGNORECASE)
_TOKEN_BYTES = 3 + _LENGTH + 1
"""With the byte behind it, which tells where it ends."""


def new_token() -> str:
    """A token nobody can guess (80 bits)."""
    return "mc-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def token_of(local_part: str) -> str | None:
    """The token that a recipient's local part is; None: it is none."""
    raw = local_part.encode("ascii", "replace")
    return local_part.lower() if _TOKEN.fullmatch(raw) else None


class TokenScanner:
    """Finds the first token in a message that comes in pieces, and keeps nothing else of it."""

    __slots__ = ("_tail", "found")

    def __init__(self) -> None:
        self._tail = b""
        self.found: str | None = None

    def feed(self, data: bytes) -> None:
        """Look through the next piece."""
        if self.found is not None:
            return
        text = self._tail + data
        match = _TOKEN.search(text, 0)
        if match is not None and match.end() < len(text):
            self.found = match[0].decode().lower()
            self._tail = b""
        else:
            self._tail = text[-_TOKEN_BYTES:]

    def end(self) -> None:
        """Nothing more comes: a token at the very end counts too."""
        match = _TOKEN.search(self._tail)
        if self.found is None and match is not None:
            self.found = match[0].decode().lower()
        self._tail = b""
