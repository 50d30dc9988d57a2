"""Figures out of tables."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.model import schema_of
from mailcensus.report.figures import FIGURES, write_figures


def test_no_rows_draw_nothing(tmp_path: Path) -> None:
    for spec in TABLES:
        assert write_figures(spec.name, schema_of(spec.row).empty_table(), tmp_path) == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["tls_versions", "cipher_classes", "canary_record", "noise_ports"])
def test_shares_of_nothing_draw_nothing(name: str, tmp_path: Path) -> None:
    (row,) = [spec.row for spec in TABLES if spec.name == name]
    unknown = pa.Table.from_pylist([{"share": None}], schema_of(row))
    assert write_figures(name, unknown, tmp_path) == []


def test_a_figure_is_drawn_from_a_table_of_the_catalogue() -> None:
    assert set(FIGURES) <= {spec.name for spec in TABLES}


@pytest.mark.slow
def test_marks_tell_their_value_and_names_are_the_figures_own(tmp_path: Path) -> None:
    rows = [
        {"service": "smtp", "cipher_class": "ecdhe", "share": 0.75},
        {"service": "smtp", "cipher_class": "rc4", "share": 0.25},
        {"service": "imap", "cipher_class": "ecdhe", "share": None},
    ]
    (part,) = write_figures("cipher_classes", pa.Table.from_pylist(rows), tmp_path)
    assert "<title>smtp, rc4: 25.0%</title>" in part.svg
    assert "imap" not in part.svg
    assert all(name.startswith("cipher-classes-") for name in re.findall(r'\bid="([^"]+)"', part.svg))
    assert "#010203" not in (tmp_path / "cipher-classes.svg").read_text()
    assert (tmp_path / "cipher-classes.pdf").read_bytes().startswith(b"%PDF")
