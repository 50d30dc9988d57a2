"""Every cluster that gets a page, gathered from the analysis and the records behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.dataset.tables import Dataset
from mailcensus.report.cluster import Cluster, Reading, SharedKey
from mailcensus.report.evidence import by_cluster, certificate_notes, cluster_grabs, hosts_of


def clusters_of(
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
