"""Debian's pdfTeX sets every table for a paper, with text of strangers in it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from hostile_text import HOSTILE, table_of
from mailcensus.analysis.catalogue import TABLES
from mailcensus.model import schema_of
from mailcensus.report.latex import latex_table, latex_text
from mailcensus.report.shown_columns import all_columns, shown_columns

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCUMENT = r"""
\documentclass{{article}}
\usepackage[T1]{{fontenc}}
\usepackage{{booktabs,graphicx}}
\begin{{document}}
{}
\end{{document}}
"""
LETTERS = "".join(
    map(chr, (*range(0x180), 0x2013, 0x2014, 0x201C, 0x201D, 0x2019, 0x2026, 0x430, 0x4E00, 0x1F600))
)


def compiled(folder: Path, parts: Sequence[str]) -> tuple[int, str]:
    """The exit status of pdfTeX and its log, after a document of these parts; nothing is drawn."""
    if not (ROOT / ".venv/latex/formats/pdflatex.fmt").exists():
        pytest.skip("LaTeX is not unpacked; as root: scripts/unpack-latex")
    (folder / "paper.tex").write_text(DOCUMENT.format("\n\\clearpage\n".join(parts)), encoding="utf-8")
    options = ("-no-shell-escape", "-draftmode", "-interaction=nonstopmode", "-halt-on-error")
    command = [ROOT / "scripts/unpacked-pdftex", "-fmt=pdflatex", *options, "paper.tex"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=250, check=False)
    return ended.returncode, (folder / "paper.log").read_text(encoding="latin-1")


def test_every_table_full_of_hostile_text_and_every_empty_one_compiles(tmp_path: Path) -> None:
    parts = []
    for spec in TABLES:
        rows = table_of(schema_of(spec.row))
        parts += [
            latex_table(spec, rows, shown_columns(spec)),
            latex_table(spec, rows[:0], all_columns(spec)),
        ]
    status, log = compiled(tmp_path, parts)
    assert status == 0, log[-2_000:]
    assert "Missing character" not in log
    assert re.findall(r"\[(\d+)\]", log)[-1] == str(len(parts)), "a page each"


def test_every_letter_compiles(tmp_path: Path) -> None:
    status, log = compiled(tmp_path, [latex_text(f"{letter} a{letter}{letter}b") for letter in LETTERS])
    assert status == 0, log[-2_000:]
    assert "Missing character" not in log


@pytest.mark.parametrize("text", [HOSTILE[1], "a & b", "50 %\n_"])
def test_the_same_text_as_it_is_does_not(tmp_path: Path, text: str) -> None:
    assert compiled(tmp_path, [text])[0] != 0
