"""Every cluster that gets a page, gathered from the analysis and the records behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.dataset.tables import Dataset, of_run
from mailcensus.report.cluster import Cluster, Reading, SharedKey, Word
from mailcensus.report.cluster_groups import Place
from mailcensus.report.evidence import by_cluster, certificate_notes, cluster_grabs, hosts_of

NEEDED = ("cluster_hosts", "cluster_links", "shared_keys", "key_causes", "cluster_causes", "cluster_words")
"""Tables of the analysis that clusters are gathered from."""


def clusters_of(
    tables: Mapping[str, pa.Table], dataset: Dataset, run_id: str | None, last: int
) -> Iterator[Cluster]:
    """The clusters up to `last` with their evidence, in the order of their numbers; of the tables NEEDED."""
    paged = pc.field("cluster") <= last
    members = tables["cluster_hosts"].filter(paged)
    grabs = cluster_grabs(dataset, run_id, members)
    notes = certificate_notes(dataset, grabs)
    keys = _keys_by_cluster(
        tables["shared_keys"].filter(paged), _key_readings(tables["key_causes"].filter(paged))
    )
    links = _links(tables["cluster_links"].filter(paged))
    readings = _cluster_readings(tables["cluster_causes"].filter(paged))
    words = _words(tables["cluster_words"].filter(paged))
    places = _places(dataset, run_id, members)
    for (number, own_links), (evident, own_grabs) in zip(links, by_cluster(grabs), strict=True):
        if number != evident:
            raise ValueError(f"cluster {number} has links, but the next evidence is of cluster {evident}")
        yield Cluster(
            number,
            keys[number],
            own_links,
            hosts_of(own_grabs, notes),
            notes,
            *readings[number],
            places={ip: places[ip] for ip, _, _ in own_links if ip in places},
            words=words.get(number, []),
        )


def _links(table: pa.Table) -> Iterator[tuple[int, list[tuple[str, str, tuple[str, ...]]]]]:
    ordered = table.select(["cluster", "ip", "spki_sha256", "services"]).sort_by("cluster")
    for number, own in groupby(_rows(ordered, ordered.column_names), key=itemgetter(0)):
        yield number, [(ip, spki, tuple(services)) for _, ip, spki, services in own]


def _keys_by_cluster(table: pa.Table, readings: Mapping[str, Reading]) -> dict[int, list[SharedKey]]:
    keys: dict[int, list[SharedKey]] = {}
    columns = ["cluster", "spki_sha256", "via", "services", "algorithm", "bits", "curve"]
    for cluster, spki, via, services, algorithm, bits, curve in _rows(table, columns):
        key = SharedKey(spki, via, services, algorithm, bits, curve, readings[spki])
        keys.setdefault(cluster, []).append(key)
    return keys


_READING = ("reading", "confidence", "evidence", "supports", "doubts")


def _key_readings(table: pa.Table) -> dict[str, Reading]:
    return {spki: Reading(*values) for spki, *values in _rows(table, ("spki_sha256", *_READING))}


def _cluster_readings(table: pa.Table) -> dict[int, tuple[Reading, Sequence[str]]]:
    rows = _rows(table, ("cluster", "readings", *_READING))
    return {number: (Reading(*values), readings) for number, readings, *values in rows}


def _words(table: pa.Table) -> dict[int, list[Word]]:
    words: dict[int, list[Word]] = {}
    columns = ("cluster", "word", "hosts", "greetings", "certificates", "reverse_names")
    for cluster, *values in _rows(table, columns):
        words.setdefault(cluster, []).append(Word(*values))
    return words


def _places(dataset: Dataset, run_id: str | None, members: pa.Table) -> dict[str, Place]:
    hosts = dataset.put("report_members", members.select(["ip"]))
    known = of_run(dataset.table("hosts"), run_id).semi_join(hosts, "ip")
    columns = ("ip", "asn", "as_org", "country", "ptr")
    return {ip: Place(*values) for ip, *values in _rows(known.select(*columns).to_pyarrow(), columns)}


def _rows(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in columns), strict=True)
