"""Which clusters get a page each, and where the others are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.catalogue import TABLES
from mailcensus.model import schema_of
from mailcensus.report.pages import Pages
from mailcensus.report.smaller_clusters import Paged, paged_clusters, write_smaller_clusters

LINKS = next(spec for spec in TABLES if spec.name == "cluster_links")


def clusters(*hosts: int) -> pa.Table:
    return pa.table({"hosts": pa.array(hosts, pa.int64())})


def links_of(clusters: int, hosts: int) -> pa.Table:
    rows = [
        {
            "cluster": n,
            "ip": f"10.{n >> 8}.{n & 255}.{i}",
            "spki_sha256": f"{n:064x}",
            "services": ["smtp"],
            "ports": [25],
        }
        for n in range(1, clusters + 1)
        for i in range(hosts)
    ]
    return pa.Table.from_pylist(rows, schema=schema_of(LINKS.row))


def test_every_cluster_has_a_page_while_there_are_few() -> None:
    assert paged_clusters(clusters(9, 3, 2), most=3) == Paged(3, 3, 2, is_cut=False)
    assert paged_clusters(clusters()) == Paged(0, 0, 2, is_cut=False)


def test_of_many_all_of_a_size_have_a_page_or_none() -> None:
    assert paged_clusters(clusters(9, 5, 5, 3, 3, 3, 2), most=4) == Paged(3, 7, 5, is_cut=False)
    assert paged_clusters(clusters(9, 5, 5, 3), most=3) == Paged(3, 4, 5, is_cut=False)


def test_of_many_of_one_size_the_first_have_a_page() -> None:
    assert paged_clusters(clusters(2, 2, 2, 2), most=3) == Paged(3, 4, 2, is_cut=True)


def test_the_others_are_on_pages_that_cut_no_cluster(tmp_path: Path) -> None:
    links = links_of(20, 3)
    pages = Pages("A study", datetime(2026, 11, 22, tzinfo=UTC))
    made = write_smaller_clusters(links, Paged(5, 20, 4, is_cut=False), tmp_path, pages, rows_max=10)
    assert [(page.first, page.last, page.view.total) for page in made] == [
        (6, 9, 12), (10, 13, 12), (14, 17, 12), (18, 20, 9)
    ]  # fmt: skip
    shown = "".join(path.read_text() for path in tmp_path.iterdir())
    for ip in links.filter(pc.field("cluster") > 5)["ip"].to_pylist():
        assert ip in shown
    assert "Clusters of 4 hosts or more have a page each: 5 of 20 clusters." in shown
