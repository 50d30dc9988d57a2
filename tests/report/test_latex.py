"""Tables for a paper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.model import Column, schema_of
from mailcensus.report.latex import ROWS_MAX, latex_table, latex_text
from mailcensus.report.shown_columns import shown_columns

_SAFE = re.compile(r"(?:[^\\{}$&#%_~^\"`'<>|]|\\[{}$&#%_]|\\(?:text[a-z]+|dots)\{\}|(?<=-)\{\})*")


@dataclass(frozen=True, slots=True)
class Row:
    """A row."""

    common_name: Annotated[str, Column("what a certificate says")]
    share: Annotated[float | None, Column("of all")]


def _no_rows(evidence: Evidence) -> ibis.Table:
    raise AssertionError(evidence)


SPEC = TableSpec("names", "Names & more", "One row per name. Shares are of 100 % of them.", Row, _no_rows)


def table_of(*names: str) -> pa.Table:
    return pa.Table.from_pylist([{"common_name": name, "share": 0.5} for name in names], schema_of(Row))


def latex_of(table: pa.Table) -> str:
    return latex_table(SPEC, table, shown_columns(SPEC))


@given(st.text())
def test_no_text_is_a_command(text: str) -> None:
    assert _SAFE.fullmatch(latex_text(text))


@given(st.text())
def test_pdflatex_has_a_glyph_for_every_character(text: str) -> None:
    assert all(character.isascii() or ord(character) < 0x180 for character in latex_text(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a & b % c", r"a \& b \% c"),
        ("\u202egnp", r"\textbackslash{}u202egnp"),
        ("Gérard", "Gérard"),
    ],
)
def test_characters_are_written_as_they_read(text: str, written: str) -> None:
    assert latex_text(text) == written


def test_a_table_has_its_definition_denominator_and_unknown_values() -> None:
    text = latex_of(pa.Table.from_pylist([{"common_name": "a_b", "share": None}], schema_of(Row)))
    assert r"\caption{Names \& more. One row per name. Shares are of 100 \% of them.}" in text
    assert "common name & share \\\\" in text
    assert r"a\_b & \textendash{} \\" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\end{table}"):
        assert text.count(rule) == 1


def test_a_long_table_is_cut_and_says_so() -> None:
    text = latex_of(table_of(*(f"mx{number}" for number in range(ROWS_MAX + 2))))
    assert f"The first {ROWS_MAX} of {ROWS_MAX + 2} rows; all are in names.csv." in text
    assert text.count("mx") == ROWS_MAX


def test_an_empty_table_says_that_it_is() -> None:
    assert r"\multicolumn{2}{l}{No rows.} \\" in latex_of(table_of())
