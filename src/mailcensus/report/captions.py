"""Captions as people read them: a column's name, in backticks in the catalogue, is as the heading has it."""

from __future__ import annotations

import re

from mailcensus.report.cells import column_label

_NAME = re.compile(r"`(\w+)`")


def caption_text(caption: str) -> str:
    """A caption of the catalogue, or of a figure, for a page or a paper."""
    return _NAME.sub(lambda found: f"“{column_label(found[1])}”", caption)
