"""Build a study's report: pages, tables, figures. Everything is written beside the old report, then swapped in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.dataset.tables import Dataset, of_run
from mailcensus.report.chapter_pages import chapters_of
from mailcensus.report.cluster_data import clusters_of
from mailcensus.report.cluster_page import cluster_page
from mailcensus.report.figures import write_figures
from mailcensus.report.index_page import index_page
from mailcensus.report.pages import Pages
from mailcensus.report.smaller_clusters import paged_clusters, write_smaller_clusters
from mailcensus.report.table_files import write_table_files
from mailcensus.study import Study

_PARTS = ("assets", "clusters", "figures", "tables", "chapters", "index.html")


def build_report(
    study: Study,
    tables: Mapping[str, pa.Table],
    dataset: Dataset,
    *,
    made_at: datetime | None = None,
) -> Path:
    """Write the report of a study.

    Args:
        study: where it goes, and what was asked.
        tables: the analysis, by the names of `mailcensus.analysis.catalogue`.
        dataset: the study's records; the report is of its newest run.
        made_at: the time printed on it; now, if not given.
    Returns:
        The path of `index.html`.
    """
    folder = study.report / ".partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = _pages(study, made_at)
    _copy_assets(folder)
    figures = {spec.name: write_figures(spec.name, tables[spec.name], folder / "figures") for spec in TABLES}
    paged = paged_clusters(tables["clusters"])
    for spec in TABLES:
        write_table_files(
            spec, tables[spec.name], folder, pages, figures[spec.name], known_clusters=paged.count
        )
    run_id = newest_run(dataset)
    (folder / "clusters").mkdir()
    for cluster in clusters_of(tables, dataset, run_id, paged.count):
        page = cluster_page(cluster, folder / "clusters", last=paged.count)
        pages.write(folder / "clusters" / f"{cluster.number}.html", "cluster.html.j2", up="../", page=page)
    smaller = write_smaller_clusters(tables["cluster_links"], paged, folder / "clusters", pages)
    chapters = chapters_of(tables, figures, folder, paged.count)
    for chapter in chapters:
        pages.write(
            folder / "chapters" / f"{chapter.anchor}.html",
            "chapter.html.j2",
            up="../",
            chapter=chapter,
            chapters=chapters,
            paged=paged,
            smaller=smaller,
        )
    runs = of_run(dataset.table("runs"), run_id).to_pyarrow()
    preflights = of_run(dataset.table("preflights"), run_id).to_pyarrow()
    index = index_page(study.settings, tables, runs, preflights, chapters, folder, paged.count)
    pages.write(folder / "index.html", "index.html.j2", up="", **index.context())
    _swap_in(folder, study.report)
    return study.report / "index.html"


def build_only(study: Study, tables: Mapping[str, pa.Table], name: str) -> Path:
    """Write the files and figures of one table into the report, and nothing else; gives the path of its page."""
    (spec,) = (spec for spec in TABLES if spec.name == name)
    if not (study.report / "assets").exists():
        _copy_assets(study.report)
    paged = sum(1 for _ in (study.report / "clusters").glob("[0-9]*.html"))
    figures = write_figures(name, tables[name], study.report / "figures")
    pages = _pages(study, None)
    write_table_files(spec, tables[name], study.report, pages, figures, known_clusters=paged)
    return study.report / "tables" / f"{name}.html"


def newest_run(dataset: Dataset) -> str | None:
    """The run the report is of: the newest with answers, else the newest that was recorded as asked."""
    latest: str | None = dataset.table("runs").run_id.max().to_pyarrow().as_py()
    return dataset.newest_run() or latest


def _pages(study: Study, made_at: datetime | None) -> Pages:
    return Pages(study.settings.study.name, made_at or datetime.now(UTC))


def _copy_assets(folder: Path) -> None:
    with resources.as_file(resources.files("mailcensus.report") / "assets") as assets:
        shutil.copytree(assets, folder / "assets")


def _swap_in(folder: Path, report: Path) -> None:
    """Put the new parts where the old ones are; the index last, so that it never points at what is not there."""
    for part in _PARTS:
        new, old = folder / part, report / part
        if old.is_dir():
            shutil.rmtree(old)
        if new.exists():
            new.replace(old)
    folder.rmdir()
