"""Text of strangers on a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.wire.visible import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("220 mx ESMTP", "220 mx ESMTP"),
        ("Zoë, Ελλάδα", "Zoë, Ελλάδα"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("no\u00a0break", "no\\xa0break"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("[bold]markup[/]", "[bold]markup[/]"),
    ],
)
def test_what_would_not_show_itself_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert not {unicodedata.category(character) for character in visible(text)} & {"Cc", "Cf", "Zl", "Zp"}


def test_a_reply_of_several_lines_becomes_one_and_a_bare_carriage_return_stays_to_be_seen() -> None:
    assert one_line("450-4.7.1 wait\n450 \x1b[2Jthen\rretry") == "450-4.7.1 wait 450 \\x1b[2Jthen\\x0dretry"
