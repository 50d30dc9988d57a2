"""Hostile text, made harmless."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.report.visible import csv_cell, script_json, visible, visible_html


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("220 mx.example ESMTP", "220 mx.example ESMTP"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\x00\x7f", "a\\x0d\\x0ab\\x00\\x7f"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028separator", "line\\u2028separator"),
        ("no\xa0break", "no\\xa0break"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_what_does_not_show_itself_is_written_out(sent: str, shown: str) -> None:
    assert visible(sent) == shown


@given(st.text())
def test_visible_text_is_printable_and_stays_so(text: str) -> None:
    shown = visible(text)
    assert all(character.isprintable() for character in shown)
    assert visible(shown) == shown


@given(st.text())
def test_html_holds_no_tag_but_ours_and_the_same_text(text: str) -> None:
    reader = _Reader()
    reader.feed(str(visible_html(text)))
    reader.close()
    assert set(reader.tags) <= {"span"}
    assert reader.text == visible(text)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n=", " =", "＝", "＠"])
def test_a_cell_that_starts_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert csv_cell(f"{start}HYPERLINK(1)").startswith("'")


@given(st.text())
def test_no_csv_cell_starts_a_formula(text: str) -> None:
    assert not csv_cell(text).lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_json_in_a_script_cannot_end_it_and_keeps_its_value(value: object) -> None:
    text = str(script_json(value))
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == value


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data
