"""Tokens against forged requests (CSRF), without a cookie.

A foreign page can make a visitor's browser send us a form, but cannot read ours: so a token in the form shows that the
visitor has seen it. It is bound to the visitor's address, which is all that the form acts on. Whoever could get one
for that address elsewhere comes from there, and may act for it anyway.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

_LIVES_S = 7_200


class FormTokens:
    """Tokens of one process; those of an earlier one are refused, and the form shown again."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def make(self, client: str) -> str:
        """A token for a form that goes to this address."""
        until = int(self._clock()) + _LIVES_S
        return f"{until}.{self._sign(until, client)}"

    def holds(self, token: str, client: str) -> bool:
        """Whether it was made for this address, not too long ago."""
        until, _, signature = token.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 15 and signature.isascii()):
            return False
        good = hmac.compare_digest(signature, self._sign(int(until), client))
        return good and int(until) >= self._clock()

    def _sign(self, until: int, client: str) -> str:
        return hmac.digest(self._key, f"{until} {client}".encode(), "sha256").hex()
