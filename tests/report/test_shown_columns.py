"""Columns on a page."""

from __future__ import annotations

import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.published import published_values
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.report.shown_columns import all_columns, shown_columns

SPECS = {spec.name: spec for spec in TABLES}
WITH_PUBLISHED = sorted({value.table for value in published_values() if value.beside} - {"mail_totals"})
"""All of `mail_totals` is about what was published."""


@pytest.mark.parametrize("spec", TABLES, ids=lambda spec: spec.name)
def test_every_shown_column_is_one_of_the_table_and_shown_once(spec: TableSpec) -> None:
    shown = shown_columns(spec)
    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(all_columns(spec))


@pytest.mark.parametrize("name", WITH_PUBLISHED)
def test_a_published_value_and_its_source_stand_right_behind_ours(name: str) -> None:
    shown = shown_columns(SPECS[name])
    place = shown.index("published")
    assert shown[place + 1] == "source"
    assert shown[place - 1] in {value.column for value in published_values() if value.table == name}
