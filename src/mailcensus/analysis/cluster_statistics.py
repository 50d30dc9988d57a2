"""Statistics over clusters: every cluster counts once, whatever its size."""

from __future__ import annotations

import ibis

from mailcensus.analysis.clusters import cluster_profiles
from mailcensus.analysis.evidence import Evidence

KINDS = ("tls", "ssh", "both")


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
        One row per statistic; all but the counts are null when there is no cluster. The standard deviation is that
        of all clusters, not of a sample. The Gini coefficient is 0 where all clusters are of one size, and near 1
        where one cluster holds nearly all hosts.
    """
    sizes = evidence.dataset.put("cluster_sizes_of_statistics", _sizes(evidence))
    size = sizes["size"]
    # fmt: off
    statistics = (
        (size.count(),            "clusters", "clusters of two or more hosts"),
        (size.sum().fill_null(0), "hosts",    "hosts in clusters"),
        (size.max(),              "biggest",  "hosts in the biggest cluster"),
        (size.mean(),             "mean",     "mean size of a cluster"),
        (size.std(how="pop"),     "standard_deviation", "standard deviation of size, over all clusters"),
        (size.quantile(0.5),      "median",   "median size of a cluster"),
        (size.quantile(0.1),      "p10",      "10th percentile of size, interpolated"),
        (size.quantile(0.25),     "p25",      "25th percentile of size, interpolated"),
        (size.quantile(0.75),     "p75",      "75th percentile of size, interpolated"),
        (size.quantile(0.9),      "p90",      "90th percentile of size, interpolated"),
        (size.quantile(0.95),     "p95",      "95th percentile of size, interpolated"),
        (size.quantile(0.99),     "p99",      "99th percentile of size, interpolated"),
    )
    # fmt: on
    rows = [_statistic(sizes, place, *statistic) for place, statistic in enumerate(statistics)]
    modes, ranked = _modes(sizes), sizes.mutate(rank=ibis.row_number().over(order_by=size))
    rows.append(
        _statistic(
            modes, len(rows), modes["size"].min(), "mode", "most frequent size; the smallest of several"
        )
    )
    gini = "Gini coefficient of size: 0, all of one size; near 1, one holds nearly all hosts"
    return ibis.union(*rows, _statistic(ranked, len(rows), _gini(ranked), "gini", gini)).order_by("place")


def _gini(ranked: ibis.Table) -> ibis.Value:
    """Half the mean difference between two clusters, over the mean size. `rank` counts from 0 by size."""
    count, size = ranked.count(), ranked["size"]
    weighted = ((2 * (ranked["rank"] + 1) - 1) * size).sum() - count * size.sum()
    return weighted / (count * size.sum()).nullif(0)


def _statistic(table: ibis.Table, place: int, value: ibis.Value, name: str, definition: str) -> ibis.Table:
    row = table.aggregate(value=value.cast("float64"))
    return row.mutate(place=place, name=ibis.literal(name), definition=ibis.literal(definition))


def _modes(sizes: ibis.Table) -> ibis.Table:
    """The sizes that most clusters have."""
    counted = sizes.group_by("size").agg(clusters=sizes.count())
    return counted.filter(counted.clusters == counted.clusters.max().as_scalar())


def _sizes(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members
    return members.group_by("cluster").agg(size=members.count())


def cluster_kinds(evidence: Evidence) -> ibis.Table:
    """Clusters whose shared keys are shown by TLS only, by SSH only, and both ways.

    Returns:
        One row per kind that occurs. Shares are of all clusters, and of the hosts in all clusters.
    """
    rows = cluster_profiles(evidence)
    kinds = rows.group_by("kind").agg(
        clusters=rows.count(),
        hosts=rows.hosts.sum(),
        keys=rows["keys"].sum(),
        biggest=rows.hosts.max(),
        biggest_cluster=rows.cluster.min(),
        across_ases=(rows.ases >= 2).sum(),
        across_countries=(rows.countries.length() >= 2).sum(),
        median=rows.hosts.median(),
        mean=rows.hosts.mean(),
    )
    whole = rows.aggregate(all_clusters=rows.count(), all_hosts=rows.hosts.sum())
    table = kinds.cross_join(whole)
    return table.mutate(
        clusters_share=table.clusters / table.all_clusters, hosts_share=table.hosts / table.all_hosts
    ).order_by(table.kind.cases(*((kind, place) for place, kind in enumerate(KINDS))))
