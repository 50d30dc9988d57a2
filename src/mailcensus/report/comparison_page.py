"""The folder of a comparison: one page, and every table as CSV and as Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.analysis.comparison import ComparisonSpec
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.report.csv_files import write_table
from mailcensus.report.pages import Pages
from mailcensus.report.shown_columns import shown_columns
from mailcensus.report.table_view import analysis_view
from mailcensus.study import StageFailed


def write_comparison(
    folder: Path,
    title: str,
    sentences: Sequence[str],
    specs: Sequence[ComparisonSpec | TableSpec],
    tables: Mapping[str, pa.Table],
    *,
    graphs: Mapping[str, str] | None = None,
) -> Path:
    """Write the page and files of a comparison; files of an earlier one there are replaced.

    Args:
        folder: where to; made where there is none.
        title: what is compared.
        sentences: what came of it, in words, above the tables.
        specs: the tables, in the order of the page.
        tables: their rows, by name.
        graphs: file name and text of drawings for other programs.
    Returns:
        The path of `index.html`.
    Raises:
        StageFailed: it cannot be written.
    """
    try:
        return _write(folder, title, sentences, specs, tables, graphs or {})
    except OSError as error:
        raise StageFailed(f"{folder}: cannot be written: {error}; choose another --out") from error


def _write(
    folder: Path,
    title: str,
    sentences: Sequence[str],
    specs: Sequence[ComparisonSpec | TableSpec],
    tables: Mapping[str, pa.Table],
    graphs: Mapping[str, str],
) -> Path:
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("mailcensus.report") / "assets") as assets:
        shutil.copytree(assets, folder / "assets", dirs_exist_ok=True)
    for spec in specs:
        write_table(folder / "tables" / f"{spec.name}.csv", tables[spec.name])
        pq.write_table(tables[spec.name], folder / "tables" / f"{spec.name}.parquet", compression="zstd")
    for name, text in graphs.items():
        (folder / name).write_text(text, encoding="utf-8")
    views = [
        analysis_view(spec, tables[spec.name], folder, shown=shown_columns(spec), known_clusters=0)
        for spec in specs
    ]
    pages = Pages(title, datetime.now(UTC))
    files = [(name, "GraphML" if name.endswith(".graphml") else "Graphviz DOT") for name in graphs]
    pages.write(
        folder / "index.html", "comparison.html.j2", up="", sentences=sentences, views=views, files=files
    )
    return folder / "index.html"
