"""Rows of databases that could not be used, kept for whoever wants to look: `data/rejects/<database>.txt`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mailcensus.facts.databases import Databases


def write_rejects(databases: Databases, data: Path) -> Iterator[str]:
    """Write the rejected rows of each database that has some; gives one line for people about each."""
    for table in databases.tables:
        rejects = table.rejects
        if rejects.count:
            path = data / "rejects" / f"{table.origin.name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            more = rejects.count - len(rejects.examples)
            rows = [*rejects.examples, *([f"and {more:,} more"] if more else [])]
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
            they = "it is" if rejects.count == 1 else "they are"
            yield f"{table.origin.name}: of its rows, {rejects.count:,} could not be used as {they}; see {path}"
