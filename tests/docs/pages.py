"""The project's Markdown pages as tests see them: fenced blocks, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"(?P<indent> *)```(?P<info>.*)")
_NOT_RUN = re.compile(r"\s*<!-- not run: (?P<why>.+) -->")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"#+ (?P<words>.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        language: the first word behind the fence.
        name: the second word: the file that the block is, if any.
        not_run: why it cannot run, from a comment above it.
    """

    language: str
    name: str | None
    text: str
    line: int
    not_run: str | None


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    place, why = 0, None
    while place < len(lines):
        fence, comment = _FENCE.fullmatch(lines[place]), _NOT_RUN.fullmatch(lines[place])
        if fence is not None:
            begin = place + 1
            place = lines.index(f"{fence['indent']}```", begin)
            language, _, name = fence["info"].partition(" ")
            text = "\n".join(line.removeprefix(fence["indent"]) for line in lines[begin:place])
            yield Block(language, name or None, f"{text}\n", begin, why)
        if fence is not None or lines[place].strip():
            why = comment["why"] if comment is not None and fence is None else None
        place += 1


def prose(page: Path) -> str:
    """A page without its fenced blocks; lines keep their numbers."""
    text = page.read_text(encoding="utf-8")
    fenced = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
    return fenced.sub(lambda block: "\n" * block[0].count("\n"), text)


def links(page: Path) -> list[str]:
    """Targets of a page's links."""
    return [found["target"] for found in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", found["words"].lower()).replace(" ", "-")
        for found in map(_HEADING.fullmatch, prose(page).splitlines())
        if found is not None
    }
