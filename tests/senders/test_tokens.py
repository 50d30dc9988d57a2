"""Tokens in recipients and messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailcensus.senders.tokens import TokenScanner, new_token, token_of


def test_a_token_names_a_message() -> None:
    token = new_token()
    assert token_of(token) == token_of(token.upper()) == token
    assert len({new_token() for _ in range(100)}) == 100


def test_other_local_parts_are_no_tokens() -> None:
    for text in (
        "",
        "postmaster",
        "mc-short",
        "mc-abcdefghijkmnpqr1",
        "mc-abcdefghijkmnpql",
        "ﬀ",
        new_token() + "x",
    ):
        assert token_of(text) is None, text


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(1, 40))
def test_a_token_is_found_however_the_message_comes(before: bytes, after: bytes, size: int) -> None:
    token = "mc-abcdefghijkmnpqr"
    message = before + b" " + token.encode() + b" " + after
    scanner = TokenScanner()
    for at in range(0, len(message), size):
        scanner.feed(message[at : at + size])
    scanner.end()
    assert scanner.found is not None
    assert scanner.found == token or before.lower().count(b"mc-")
