"""Clusters: connected components of hosts, two hosts being linked when they show the same key, on any ports."""

from __future__ import annotations

import ibis

from mailcensus.analysis.across_hosts import names_of, some_names
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named


def clusters(evidence: Evidence) -> ibis.Table:
    """Clusters of two or more hosts.

    Returns:
        One row per cluster, largest first.
    """
    links, hosts = evidence.links, evidence.hosts
    by_cluster = links.group_by("cluster").agg(
        hosts=links.host.nunique(), mask=links.mask.bit_or(), host=links.host.min()
    )
    rows = named(by_cluster, evidence.services).join(hosts.select("host", first_ip="ip"), "host")
    rows = rows.join(_keys(evidence), "cluster").left_join(_names(evidence), "cluster")
    return rows.mutate(common_names=some_names(rows.common_names)).order_by("cluster")


def _keys(evidence: Evidence) -> ibis.Table:
    """Per cluster: its shared keys counted, and the one most hosts show (of several, the first by name)."""
    clusters = evidence.links.select("key", "cluster").distinct()
    keys = evidence.shown_keys.join(clusters, "key").join(evidence.keys, "key")
    most_first = [keys.hosts.desc(), keys.spki_sha256.asc()]
    return keys.group_by("cluster").agg(
        keys=keys.count(),
        ssh_keys=((keys.mask & evidence.ssh_mask) != 0).sum(),
        tls_keys=((keys.mask & ~evidence.ssh_mask) != 0).sum(),
        largest_key=keys.spki_sha256.first(order_by=most_first),
        largest_key_hosts=keys.hosts.max(),
    )


def _names(evidence: Evidence) -> ibis.Table:
    leaves = evidence.certificates.join(evidence.links.select("key", "cluster").distinct(), "key")
    return leaves.group_by("cluster").agg(common_names=names_of(leaves))


def cluster_hosts(evidence: Evidence) -> ibis.Table:
    """Hosts in clusters.

    Returns:
        One row per host, by cluster and then by address.
    """
    links = evidence.links
    hosts = links.group_by("cluster", "host").agg(keys=links.count(), mask=links.mask.bit_or())
    rows = named(hosts, evidence.services).join(evidence.hosts, "host")
    return rows.order_by("cluster", "host")


def cluster_links(evidence: Evidence) -> ibis.Table:
    """Edges of each cluster's graph of hosts and shared keys.

    Returns:
        One row per host and shared key, by cluster, address and key.
    """
    rows = named(evidence.links, evidence.services)
    rows = rows.join(evidence.hosts, "host").join(evidence.keys, "key")
    return rows.order_by("cluster", "host", "spki_sha256")


def cluster_sizes(evidence: Evidence) -> ibis.Table:
    """Clusters by number of hosts.

    Returns:
        One row per size that occurs, smallest first.
    """
    sizes = _sizes(evidence)
    rows = sizes.group_by("size").agg(clusters=sizes.count())
    return rows.mutate(hosts=rows["size"] * rows.clusters).order_by("size")


def cluster_statistics(evidence: Evidence) -> ibis.Table:
    """Statistics of cluster sizes, over clusters: each cluster counts once, whatever its size.

    Returns:
        One row per statistic; all but the counts are null when there is no cluster.
    """
    sizes = _sizes(evidence)
    size = sizes["size"]
    # fmt: off
    statistics = (
        (size.count(),            "clusters", "clusters of two or more hosts"),
        (size.sum().fill_null(0), "hosts",    "hosts in clusters"),
        (size.max(),              "biggest",  "hosts in the biggest cluster"),
        (size.mean(),             "mean",     "mean size of a cluster"),
        (size.quantile(0.5),      "median",   "median size of a cluster"),
        (size.quantile(0.25),     "p25",      "25th percentile of size, interpolated"),
        (size.quantile(0.75),     "p75",      "75th percentile of size, interpolated"),
        (size.quantile(0.9),      "p90",      "90th percentile of size, interpolated"),
        (size.quantile(0.99),     "p99",      "99th percentile of size, interpolated"),
    )
    # fmt: on
    rows = [_statistic(sizes, place, *statistic) for place, statistic in enumerate(statistics)]
    modes = _modes(sizes)
    mode = (modes["size"].min(), "mode", "most frequent size; the smallest of several")
    return ibis.union(*rows, _statistic(modes, len(rows), *mode)).order_by("place")


def _statistic(table: ibis.Table, place: int, value: ibis.Value, name: str, definition: str) -> ibis.Table:
    row = table.aggregate(value=value.cast("float64"))
    return row.mutate(place=place, name=ibis.literal(name), definition=ibis.literal(definition))


def _modes(sizes: ibis.Table) -> ibis.Table:
    """The sizes that most clusters have."""
    counted = sizes.group_by("size").agg(clusters=sizes.count())
    return counted.filter(counted.clusters == counted.clusters.max().as_scalar())


def _sizes(evidence: Evidence) -> ibis.Table:
    links = evidence.links
    return links.group_by("cluster").agg(size=links.host.nunique())
