"""Text of strangers, planted wherever a study has text, in every file of its report."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hostile_text import HOSTILE
from mailcensus.report.latex import latex_text
from mailcensus.wire.visible import is_hidden
from report.hostile import hostile_study

pytestmark = pytest.mark.slow

ANALYSED = (
    *("software", "auth_mechanisms", "cluster_words", "mail_providers", "shared_fate"),
    *(
        "server_locations",
        "passive_auth_mechanisms",
        "passive_sources",
        "client_offers",
        "sender_matrix",
        "sender_reports",
    ),
)
_ALLOWED = frozenset("\n\r\t ")
_COMMANDS = re.compile(r"\\(?:input|write|immediate|end\{document)")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    return hostile_study(tmp_path_factory)


@pytest.fixture(scope="module")
def report(written: tuple[Path, set[str]]) -> Path:
    return written[0]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        inline = tag == "script" and "src" not in names and names.get("type") != "application/json"
        foreign = any(not (names.get(name) or "").startswith("data:,") and ":" in (names.get(name) or "")
                      for name in ("src", "href"))  # fmt: skip
        if (
            inline
            or foreign
            or tag in ("img", "iframe", "object")
            or any(name.startswith("on") for name in names)
        ):
            self.bad.append(f"{tag} {attrs}")


def hidden(text: str) -> set[str]:
    return {repr(character) for character in set(text) if is_hidden(character) and character not in _ALLOWED}


@pytest.mark.parametrize("name", ANALYSED)
def test_text_of_strangers_comes_through_the_analysis(written: tuple[Path, set[str]], name: str) -> None:
    report, made = written
    assert name in made
    table = pq.read_table(report / "tables" / f"{name}.parquet")
    assert "onerror" in str(table.to_pylist()).lower()


def test_no_page_has_an_element_of_a_stranger(report: Path) -> None:
    pages = list(report.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        elements = _Elements()
        text = page.read_text(encoding="utf-8")
        elements.feed(text)
        assert elements.bad == [], page
        assert hidden(text) == set(), page


def test_rows_that_are_loaded_later_are_text_too(report: Path) -> None:
    files = [path for path in report.rglob("*.js") if "assets" not in path.parts]
    assert files
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "<" not in text
        assert hidden(text) == set()
        elements = _Elements()
        elements.feed(text.encode().decode("unicode_escape"))
        assert elements.bad == [], path


def test_no_cell_of_a_csv_file_is_a_formula(report: Path) -> None:
    for path in report.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert not cell.startswith(("=", "+", "@", "\t", "\r")), (path, cell)
                    assert not cell.startswith("-") or re.fullmatch(r"-[0-9.e+-]+", cell), (path, cell)
                    assert hidden(cell) == set(), (path, cell)


def test_no_table_for_a_paper_has_a_command_of_a_stranger(report: Path) -> None:
    for path in (report / "tables").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        assert not _COMMANDS.search(text.replace("\\end{document\\}", "")), path
        assert hidden(text) == set(), path
    names = (report / "tables/cluster_words.tex", report / "tables/mail_providers.tex")
    assert any(latex_text(HOSTILE[1])[:30] in path.read_text(encoding="utf-8") for path in names)


def test_figures_and_graphs_of_other_programs_hold_no_script(report: Path) -> None:
    for path in [*report.glob("figures/*.svg"), *report.glob("clusters/*.graphml")]:
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text.lower(), path
        assert "<img" not in text.lower(), path
        assert hidden(text) == set(), path
    for path in report.glob("clusters/*.dot"):  # a quoted string there may hold any letters
        assert hidden(path.read_text(encoding="utf-8")) == set(), path
