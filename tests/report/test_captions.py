"""Captions on pages and in papers."""

from __future__ import annotations

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.report.captions import caption_text


@pytest.mark.parametrize(
    ("caption", "read"),
    [
        ("Shares are of all hosts.", "Shares are of all hosts."),
        (
            "`share` is of those judged; `found_share` of more.",
            "“share” is of those judged; “found share” of more.",
        ),
        ("as in `cipher_classes`.", "as in “cipher classes”."),
    ],
)
def test_names_of_columns_read_as_their_headings(caption: str, read: str) -> None:
    assert caption_text(caption) == read


def test_no_caption_of_the_catalogue_keeps_a_backtick() -> None:
    assert [spec.name for spec in TABLES if "`" in caption_text(spec.caption)] == []
