"""The chapters of a report, filled with tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.report.chapters import CHAPTERS, OTHERS, Chapter, ChapterSpec, FigurePart, Part
from mailcensus.report.shown_columns import shown_columns
from mailcensus.report.table_view import FORMATS, analysis_view

_ELSEWHERE = frozenset({"summary", "cluster_hosts", "cluster_links"})
"""On the first page, or on the clusters' own pages."""
Figures = Mapping[str, Sequence[FigurePart]]


def chapters_of(tables: Mapping[str, pa.Table], figures: Figures, folder: Path, paged: int) -> list[Chapter]:
    """The chapters that have anything to show; rows beyond a table's first page are written below `folder`.

    Args:
        tables: the analysis.
        figures: what is drawn, by table.
        folder: the report's.
        paged: clusters up to this number have a page.
    """
    (folder / "chapters").mkdir(exist_ok=True)
    chapters = [_chapter(spec, tables, figures, folder, paged) for spec in (*CHAPTERS, OTHERS)]
    return [chapter for chapter in chapters if chapter.parts]


def tables_of(chapter: ChapterSpec) -> list[TableSpec]:
    """The catalogue's entries for a chapter, in its order; what nobody names belongs to the others."""
    if chapter is OTHERS:
        named = {name for each in CHAPTERS for name in each.tables} | _ELSEWHERE
        return [spec for spec in TABLES if spec.name not in named]
    by_name = {spec.name: spec for spec in TABLES}
    return [by_name[name] for name in chapter.tables if name in by_name and name not in _ELSEWHERE]


def _chapter(
    chapter: ChapterSpec, tables: Mapping[str, pa.Table], figures: Figures, folder: Path, paged: int
) -> Chapter:
    specs = tables_of(chapter)
    filled = [spec for spec in specs if _has_rows(spec.name, tables)]
    parts = [
        Part(
            analysis_view(
                spec,
                tables[spec.name],
                folder,
                shown=shown_columns(spec),
                known_clusters=paged,
                up="../",
                formats=tuple(FORMATS),
            ),
            figures[spec.name],
        )
        for spec in filled
    ]
    empty = [spec for spec in specs if spec not in filled]
    return Chapter(chapter.anchor, chapter.title, chapter.opening, parts, empty)


def _has_rows(name: str, tables: Mapping[str, pa.Table]) -> bool:
    if name == "cluster_statistics":  # it has rows even of nothing
        return bool(tables["clusters"].num_rows)
    return bool(tables[name].num_rows)
