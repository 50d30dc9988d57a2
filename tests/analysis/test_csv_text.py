"""Strangers' text in CSV files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.analysis.csv_text import csv_cell, harmless
from mailcensus.analysis.writing import write_csv


def written(table: pa.Table) -> list[list[str]]:
    file = io.BytesIO()
    write_csv(file, table)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


@given(st.lists(st.none() | st.text() | st.from_regex(r"\s*[=+\-@＝].*"), max_size=20))
def test_a_column_is_mended_as_its_cells_are(texts: list[str | None]) -> None:
    texts = [None if text is None else text.encode("utf-8", "replace").decode() for text in texts]
    (column,) = harmless(pa.table({"said": pa.array(texts, pa.string())})).columns
    assert column.to_pylist() == [None if text is None else csv_cell(text) for text in texts]


def test_lists_of_hostile_names_are_mended_too() -> None:
    names = pa.array([["=1+1", "a\u202eb"], ["\x1b[2J"]], pa.list_(pa.string()))
    assert written(pa.table({"names": names}))[1:] == [["'=1+1; a\\u202eb"], ["\\x1b[2J"]]


def test_numbers_times_and_the_unknown_are_for_programs() -> None:
    table = pa.table(
        {
            "at": pa.array([datetime(2026, 11, 3, 8, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "n": pa.array([-3, None]),
            "share": pa.array([0.25, None]),
            "known": pa.array([True, None]),
        }
    )
    assert written(table) == [
        ["at", "n", "share", "known"],
        ["2026-11-03T08:00:00Z", "-3", "0.25", "true"],
        ["", "", "", ""],
    ]


def test_no_rows_still_have_a_header() -> None:
    assert written(pa.table({"a": pa.array([], pa.string())})) == [["a"]]
