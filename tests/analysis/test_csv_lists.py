"""Lists in CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from mailcensus.analysis.csv_lists import flat, joined
from mailcensus.analysis.writing import write_tables
from mailcensus.report.csv_files import write_table

LISTS = pa.table(
    {
        "ports": pa.array([[22, 25], [], None], pa.list_(pa.int64())),
        "names": pa.array([["mx one", "mx.two"], ["mx"], None], pa.list_(pa.string())),
    }
)


def test_a_column_and_a_cell_are_joined_the_same() -> None:
    for column, shown in zip(LISTS.columns, flat(LISTS).columns, strict=True):
        assert shown.to_pylist() == [each if each is None else joined(each) for each in column.to_pylist()]


def test_the_analysis_and_the_report_write_lists_the_same(tmp_path: Path) -> None:
    write_tables({"t": LISTS}, tmp_path / "analysis")
    write_table(tmp_path / "report.csv", LISTS)
    with (
        (tmp_path / "analysis" / "t.csv").open(newline="") as a,
        (tmp_path / "report.csv").open(newline="") as b,
    ):
        rows = list(csv.reader(a))
        assert rows == list(csv.reader(b))
    assert rows[1] == ["22; 25", "mx one; mx.two"]
