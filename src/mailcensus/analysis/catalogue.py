"""Every analysis table: its name, title, caption with the denominator, and rows."""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.analysis import rows


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of the analysis, as the report shows it."""

    name: str
    title: str
    caption: str
    """One or two sentences: what a row is, and what shares are shares of."""
    row: type
    """Row declaration: `fields_of(row)` gives columns and their meaning, `schema_of(row)` the Arrow schema."""


TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "summary",
        "Summary",
        "The headline numbers. Every share names its denominator.",
        rows.SummaryRow,
    ),
    TableSpec(
        "services",
        "Services",
        "One row per service; hosts are counted by their last grab in the run. A host that was rate limited or "
        "timed out is unknown: it is in no numerator and in no 'known' denominator.",
        rows.ServiceRow,
    ),
    TableSpec(
        "outcomes",
        "Outcomes",
        "How the last grab of each host and service ended. Shares are of the hosts asked for that service.",
        rows.OutcomeRow,
    ),
    TableSpec(
        "within_host",
        "Key re-use within a host",
        "One row per pair of services on which hosts show the same key. Shares are of the hosts that show a key "
        "on both services.",
        rows.WithinHostRow,
    ),
    TableSpec(
        "shared_keys",
        "Keys shared across hosts",
        "One row per key that two or more hosts show, on whatever service; most shared first.",
        rows.SharedKeyRow,
    ),
    TableSpec(
        "most_shared",
        "Most shared keys",
        "The key that most hosts show by SSH, and by TLS. Shares are of the hosts that show any key that way.",
        rows.MostSharedRow,
    ),
    TableSpec(
        "port_pairs",
        "Links by port pair",
        "One row per pair of services. A link is a pair of different hosts, one showing a key on the one port, "
        "the other showing it on the other; two hosts that share two keys make two links.",
        rows.PortPairRow,
    ),
    TableSpec(
        "clusters",
        "Clusters",
        "One row per cluster: hosts linked by shared keys, any port to any port; largest first, then by "
        "smallest address.",
        rows.ClusterRow,
    ),
    TableSpec(
        "cluster_hosts",
        "Hosts in clusters",
        "One row per host that shares a key with another one.",
        rows.ClusterHostRow,
    ),
    TableSpec(
        "cluster_links",
        "Hosts and the shared keys they show",
        "One row per host and shared key: the edges of each cluster's graph of hosts and keys.",
        rows.ClusterLinkRow,
    ),
    TableSpec(
        "cluster_sizes",
        "Cluster sizes",
        "How many clusters there are of each size. A host that shares no key is in no cluster.",
        rows.ClusterSizeRow,
    ),
    TableSpec(
        "cluster_statistics",
        "Cluster statistics",
        "Over clusters, each counted once (not over distinct sizes, nor over hosts).",
        rows.ClusterStatisticRow,
    ),
    TableSpec(
        "cross_protocol",
        "Keys shown by SSH and by TLS",
        "One row per key that is an SSH host key and a TLS key, on the same host or on different ones.",
        rows.CrossProtocolRow,
    ),
    TableSpec(
        "cross_protocol_hosts",
        "Hosts whose SSH host key is a TLS key of theirs",
        "One row per host and key.",
        rows.CrossProtocolHostRow,
    ),
)
