"""Which clusters get a page each, and the pages of tables on which all others are.

A large study has tens of thousands of clusters of two and three hosts. A page each would take minutes and a gigabyte;
a drawing of two hosts says no more than a row of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.catalogue import TABLES
from mailcensus.model import fields_of
from mailcensus.report.cells import column_of
from mailcensus.report.pages import Pages
from mailcensus.report.table_view import TableView, split_rows, table_rows

PAGES_MAX = 1_000
"""Clusters with a page of their own."""
ROWS_MAX = 5_000
"""Hosts and keys on one page of the others; a page may be longer by one cluster."""
_COLUMNS = ("cluster", "ip", "spki_sha256", "services")
_LINKS = next(spec for spec in TABLES if spec.name == "cluster_links")


@dataclass(frozen=True, slots=True)
class Paged:
    """The clusters that have a page each: the first so many."""

    count: int
    of: int
    smallest_hosts: int
    """Clusters of at least so many hosts have a page, unless `is_cut`."""
    is_cut: bool
    """There are too many even of the biggest size: the first of them have a page."""


@dataclass(frozen=True, slots=True)
class SmallerPage:
    """One page of the others."""

    number: int
    first: int
    """Cluster."""
    last: int
    view: TableView


def paged_clusters(clusters: pa.Table, most: int = PAGES_MAX) -> Paged:
    """The clusters to get a page each: all of a size or none, and at most `most`.

    Args:
        clusters: the analysis table of that name, largest first.
        most: pages.
    """
    hosts = clusters["hosts"].to_pylist()
    if len(hosts) <= most:
        return Paged(len(hosts), len(hosts), 2, is_cut=False)
    beyond = hosts[most]
    count = sum(1 for size in hosts[:most] if size > beyond)
    if not count:
        return Paged(most, len(hosts), beyond, is_cut=True)
    return Paged(count, len(hosts), hosts[count - 1], is_cut=False)


def write_smaller_clusters(
    links: pa.Table, paged: Paged, folder: Path, pages: Pages, *, rows_max: int = ROWS_MAX
) -> list[SmallerPage]:
    """Write `smaller-1.html` and so on: every host and shared key of the clusters without a page of their own.

    Args:
        links: the analysis table `cluster_links`.
        paged: which clusters have a page.
        folder: the clusters' folder of the report.
        pages: the report's templates.
        rows_max: hosts and keys on a page.
    Returns:
        The pages; none where every cluster has one.
    """
    rest = links.filter(pc.field("cluster") > paged.count).sort_by(
        [("cluster", "ascending"), ("ip", "ascending")]
    )
    made = [_page(number, part, folder) for number, part in enumerate(_cut(rest, rows_max), start=1)]
    for page in made:
        pages.write(
            folder / f"smaller-{page.number}.html",
            "smaller.html.j2",
            up="../",
            page=page,
            of=made,
            paged=paged,
        )
    return made


def _cut(links: pa.Table, rows: int) -> Iterator[pa.Table]:
    """Slices of about so many rows, no cluster in two of them."""
    clusters: Sequence[int] = links["cluster"].to_pylist()
    start = 0
    while start < len(clusters):
        end = min(start + rows, len(clusters))
        while end < len(clusters) and clusters[end] == clusters[end - 1]:
            end += 1
        yield links.slice(start, end - start)
        start = end


def _page(number: int, links: pa.Table, folder: Path) -> SmallerPage:
    by_name = {field.name: column_of(field) for field in fields_of(_LINKS.row)}
    columns = [by_name[name] for name in _COLUMNS]
    more = f"smaller-{number}.js"
    rows = table_rows(columns, links, known_clusters=0, up="../")
    first, has_more = split_rows(rows, _LINKS.name, folder / more, most=links.num_rows)
    view = TableView(
        name=_LINKS.name,
        title="Hosts and the shared keys they show",
        caption=_LINKS.caption,
        columns=columns,
        first_rows=first,
        total=links.num_rows,
        csv="../tables/cluster_links.csv",
        more=more if has_more else None,
    )
    return SmallerPage(number, links["cluster"][0].as_py(), links["cluster"][-1].as_py(), view)
