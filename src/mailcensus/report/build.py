"""Build a study's report: pages, tables, figures. Everything is written beside the old report, then swapped in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import resources
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.catalogue import TABLES, TableSpec
from mailcensus.dataset.tables import Dataset, of_run
from mailcensus.report.chapters import CHAPTERS, SHOWN_COLUMNS, Chapter, ChapterSpec, FigurePart
from mailcensus.report.cluster import Cluster, Reading, SharedKey
from mailcensus.report.cluster_page import cluster_page
from mailcensus.report.csv_files import write_table
from mailcensus.report.evidence import by_cluster, certificate_notes, cluster_grabs, hosts_of
from mailcensus.report.figures import cluster_size_figure, save_figure
from mailcensus.report.index_page import index_page
from mailcensus.report.pages import Pages
from mailcensus.report.table_view import TableView, analysis_view
from mailcensus.study import Study

CLUSTER_PAGES_MAX = 10_000
"""The largest clusters get a page each; the rest are in the tables."""
_PARTS = ("assets", "clusters", "figures", "tables", "index.html")


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
    pages = Pages(study.settings.study.name, made_at or datetime.now(UTC))
    _copy_assets(folder)
    (folder / "clusters").mkdir()
    for name, table in tables.items():
        write_table(folder / "tables" / f"{name}.csv", table)
    paged = min(tables["clusters"].num_rows, CLUSTER_PAGES_MAX)
    run_id = newest_run(dataset)
    for cluster in _clusters(tables, dataset, run_id, paged):
        page = cluster_page(cluster, folder / "clusters", last=paged)
        pages.write(folder / "clusters" / f"{cluster.number}.html", "cluster.html.j2", up="../", page=page)
    chapters = [chapter for spec in CHAPTERS if (chapter := _chapter(spec, tables, folder, paged)).views]
    runs = of_run(dataset.table("runs"), run_id).to_pyarrow()
    preflights = of_run(dataset.table("preflights"), run_id).to_pyarrow()
    index = index_page(study.settings, tables, runs, preflights, chapters)
    pages.write(folder / "index.html", "index.html.j2", up="", **index.context())
    _swap_in(folder, study.report)
    return study.report / "index.html"


def newest_run(dataset: Dataset) -> str | None:
    """The run the report is of: the newest with answers, else the newest that was recorded as asked."""
    latest: str | None = dataset.table("runs").run_id.max().to_pyarrow().as_py()
    return dataset.newest_run() or latest


def _copy_assets(folder: Path) -> None:
    with resources.as_file(resources.files("mailcensus.report") / "assets") as assets:
        shutil.copytree(assets, folder / "assets")


def _chapter(spec: ChapterSpec, tables: Mapping[str, pa.Table], folder: Path, paged: int) -> Chapter:
    by_name = {table.name: table for table in TABLES}
    names = [name for name in spec.tables if tables[name].num_rows]
    if names == ["cluster_statistics"]:
        names = []  # statistics of nothing
    views = [_view(by_name[name], tables[name], folder, paged) for name in names]
    figures = []
    if spec.figure == "cluster_sizes" and tables["cluster_sizes"].num_rows:
        figures = [_cluster_sizes(tables["cluster_sizes"], folder)]
    return Chapter(spec.anchor, spec.title, spec.opening, figures, views)


def _view(spec: TableSpec, table: pa.Table, folder: Path, paged: int) -> TableView:
    return analysis_view(spec, table, folder, shown=SHOWN_COLUMNS.get(spec.name), known_clusters=paged)


def _cluster_sizes(table: pa.Table, folder: Path) -> FigurePart:
    figure = cluster_size_figure(table["size"].to_pylist(), table["clusters"].to_pylist())
    clusters, hosts = sum(table["clusters"].to_pylist()), sum(table["hosts"].to_pylist())
    caption = f"Clusters by size: {clusters:,} clusters of {hosts:,} hosts. Both axes are logarithmic."
    return FigurePart("cluster-sizes", save_figure(figure, folder / "figures", "cluster-sizes"), caption)


def _clusters(
    tables: Mapping[str, pa.Table], dataset: Dataset, run_id: str | None, last: int
) -> Iterator[Cluster]:
    """The clusters up to `last` with their evidence, in the order of their numbers."""
    paged = pc.field("cluster") <= last
    grabs = cluster_grabs(dataset, run_id, tables["cluster_hosts"].filter(paged))
    notes = certificate_notes(dataset, grabs)
    keys = _keys_by_cluster(tables["shared_keys"].filter(paged))
    links = _links(tables["cluster_links"].filter(paged))
    readings = _readings(tables["cluster_causes"].filter(paged))
    for (number, own_links), (evident, own_grabs) in zip(links, by_cluster(grabs), strict=True):
        if number != evident:
            raise ValueError(f"cluster {number} has links, but the next evidence is of cluster {evident}")
        yield Cluster(number, keys[number], own_links, hosts_of(own_grabs, notes), notes, readings[number])


def _links(table: pa.Table) -> Iterator[tuple[int, list[tuple[str, str, tuple[str, ...]]]]]:
    ordered = table.select(["cluster", "ip", "spki_sha256", "services"]).sort_by("cluster")
    rows = zip(*(column.to_pylist() for column in ordered.columns), strict=True)
    for number, own in groupby(rows, key=itemgetter(0)):
        yield number, [(ip, spki, tuple(services)) for _, ip, spki, services in own]


def _keys_by_cluster(table: pa.Table) -> dict[int, list[SharedKey]]:
    keys: dict[int, list[SharedKey]] = {}
    columns = ["cluster", "spki_sha256", "via", "services", "algorithm", "bits", "curve"]
    for cluster, *values in zip(*(table[name].to_pylist() for name in columns), strict=True):
        keys.setdefault(cluster, []).append(SharedKey(*values))
    return keys


def _readings(table: pa.Table) -> dict[int, Reading]:
    columns = ["cluster", "reading", "confidence", "readings", "evidence", "supports", "doubts"]
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return {number: Reading(*values) for number, *values in rows}


def _swap_in(folder: Path, report: Path) -> None:
    """Put the new parts where the old ones are; the index last, so that it never points at what is not there."""
    for part in _PARTS:
        new, old = folder / part, report / part
        if old.is_dir():
            shutil.rmtree(old)
        if new.exists():
            new.replace(old)
    folder.rmdir()
