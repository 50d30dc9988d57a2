"""Tables by the name that a publication gave them: `table-viii` is the table whose caption says so."""

from __future__ import annotations

import re

from mailcensus.analysis.catalogue import TABLES

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")
_NAMED = re.compile(r"\btables? ((?:[ivx]+)(?:(?:, | and | to )[ivx]+)*)\b")


def tables_called(name: str) -> list[str]:
    """Names of the catalogue that a name means: its own, with - for _, or that of a publication.

    A publication's table may be several of ours: `table-iv` is versions of scans and of captures.
    """
    names = [spec.name for spec in TABLES]
    own = name.replace("-", "_").lower()
    if own in names:
        return [own]
    wanted = name.lower().removeprefix("table-")
    if wanted == name.lower():
        return []
    return [spec.name for spec in TABLES if wanted in _published(spec.caption)]


def _published(caption: str) -> set[str]:
    """Numbers of tables in a caption: "tables X to XII and XV" are x, xi, xii and xv."""
    numbers: set[str] = set()
    for found in _NAMED.finditer(caption.lower()):
        for part in re.split(r", | and ", found[1]):
            first, _, last = part.partition(" to ")
            if last and first in _ROMAN and last in _ROMAN:
                numbers.update(_ROMAN[_ROMAN.index(first) : _ROMAN.index(last) + 1])
            else:
                numbers.add(first)
    return numbers
