"""Tables on keys: who shares them, in which clusters, why, and which are weak."""

from __future__ import annotations

from mailcensus.analysis import (
    across_hosts,
    blast_radius,
    causes,
    cluster_statistics,
    cluster_words,
    clusters,
    cross_protocol,
    default_certificates,
    key_findings,
    key_kinds,
    levels,
    machines,
    rows,
    rsa_transport,
    size_two,
    versions,
    ways,
    within_host,
)
from mailcensus.analysis.table_spec import TableSpec

REUSE_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "within_host",
        "Key re-use within a host",
        "One row per pair of services on which hosts show the same key. Shares are of the hosts that show a key "
        "on both services.",
        rows.WithinHostRow,
        within_host.within_host,
    ),
    TableSpec(
        "key_kinds",
        "Kinds of keys",
        "One row per service, algorithm and key length. Shares are of the hosts that show any key on the service, "
        "and of the keys shown on it.",
        key_kinds.KeyKindRow,
        key_kinds.key_kinds,
    ),
    TableSpec(
        "levels",
        "Re-use by address, machine and operator",
        "HARK at three levels: a key counts as shared where two different addresses, machines (inferred) or ASes "
        "show it. Shares are of the units and hosts that show a key and whose unit is known.",
        levels.LevelRow,
        levels.levels,
    ),
    TableSpec(
        "ways",
        "Ways of sharing",
        "One certificate on several hosts, one key in several certificates, or an SSH host key. Shares are of the "
        "hosts that share a key in any way; a host may share in several ways.",
        ways.WayRow,
        ways.ways,
    ),
    TableSpec(
        "shared_keys",
        "Keys shared across hosts",
        "One row per key that two or more hosts show, on whatever service; most shared first.",
        rows.SharedKeyRow,
        across_hosts.shared_keys,
    ),
    TableSpec(
        "most_shared",
        "Most shared keys",
        "The key that most hosts show by SSH, and by TLS. Shares are of the hosts that show any key that way.",
        rows.MostSharedRow,
        across_hosts.most_shared,
    ),
    TableSpec(
        "port_pairs",
        "Links by port pair",
        "One row per pair of services. A link is a pair of different hosts, one showing a key on the one port, "
        "the other showing it on the other; two hosts that share two keys make two links.",
        rows.PortPairRow,
        across_hosts.port_pairs,
    ),
    TableSpec(
        "versions",
        "Protocol versions in and out of clusters",
        "One row per service and version, as negotiated with the study's hello. Shares are of the hosts whose "
        "version on the service is known: of all, of those that share a key, of those that share none.",
        versions.VersionRow,
        versions.versions,
    ),
    TableSpec(
        "rsa_transport",
        "Shared keys with RSA key transport",
        "One row per TLS service on which shared keys are shown. Who holds such a key can read recorded sessions. "
        "Shares are of the hosts that show a shared key on the service, and of these keys.",
        rsa_transport.RsaTransportRow,
        rsa_transport.rsa_transport,
    ),
    TableSpec(
        "clusters",
        "Clusters",
        "One row per cluster: hosts linked by shared keys, any port to any port; largest first, then by "
        "smallest address.",
        rows.ClusterRow,
        clusters.clusters,
    ),
    TableSpec(
        "cluster_hosts",
        "Hosts in clusters",
        "One row per host that shares a key with another one.",
        rows.ClusterHostRow,
        clusters.cluster_hosts,
    ),
    TableSpec(
        "cluster_links",
        "Hosts and the shared keys they show",
        "One row per host and shared key: the edges of each cluster's graph of hosts and keys.",
        rows.ClusterLinkRow,
        clusters.cluster_links,
    ),
    TableSpec(
        "cluster_sizes",
        "Cluster sizes",
        "How many clusters there are of each size. A host that shares no key is in no cluster.",
        rows.ClusterSizeRow,
        cluster_statistics.cluster_sizes,
    ),
    TableSpec(
        "cluster_statistics",
        "Cluster statistics",
        "Over clusters, each counted once (not over distinct sizes, nor over hosts).",
        rows.ClusterStatisticRow,
        cluster_statistics.cluster_statistics,
    ),
    TableSpec(
        "cluster_kinds",
        "Clusters by TLS and SSH",
        "Clusters whose shared keys are shown by TLS only, by SSH only, or both ways. Shares are of all clusters, "
        "and of the hosts in all clusters.",
        rows.ClusterKindRow,
        cluster_statistics.cluster_kinds,
    ),
    TableSpec(
        "size_two_patterns",
        "Clusters of two hosts",
        "One row per pattern of port pairs that link the two hosts. Shares are of the clusters of two hosts.",
        rows.SizeTwoRow,
        size_two.size_two_patterns,
    ),
    TableSpec(
        "cluster_words",
        "Words in names",
        "The words that most hosts of a cluster have in their SMTP greeting, certificates and reverse names, for "
        "the thousand largest. "
        "Shares are of the hosts in the cluster.",
        cluster_words.ClusterWordRow,
        cluster_words.cluster_words,
    ),
    TableSpec(
        "cause_summary",
        "Re-use by cause",
        "HARK split by the reading of each host's cluster: `share` is of the hosts that showed any key, "
        "`share_of_sharing` of the hosts in clusters. Keys count by their own reading.",
        causes.CauseSummaryRow,
        causes.cause_summary,
    ),
    TableSpec(
        "cluster_causes",
        "Why clusters share keys",
        "One row per cluster: a reading, not a proof. What the rules looked at stands beside it.",
        causes.ClusterCauseRow,
        causes.cluster_causes,
    ),
    TableSpec(
        "key_causes",
        "Why keys are shared",
        "One row per shared key: the reading, how sure it is, and every fact counted over the hosts that show it.",
        causes.KeyCauseRow,
        causes.key_causes,
    ),
    TableSpec(
        "blast_radius",
        "What a leak would expose",
        "One row per shared key, most exposed first. The score is machines times the number of ways in which the "
        "key's holder can do harm, as the column says; what is not known counts as not so, and is null.",
        blast_radius.BlastRadiusRow,
        blast_radius.blast_radius,
    ),
    TableSpec(
        "machines",
        "Machines with several addresses",
        "One row per machine inferred from two or more hosts: equal keys, nothing that differs, and addresses "
        "side by side, a dual-stack pair, or one name in two networks.",
        machines.MachineRow,
        machines.machines,
    ),
    TableSpec(
        "machine_hosts",
        "Addresses of machines with several",
        "One row per host that is inferred to be one of several addresses of a machine.",
        machines.MachineHostRow,
        machines.machine_hosts,
    ),
    TableSpec(
        "cross_protocol",
        "Keys shown by SSH and by TLS",
        "One row per key that is an SSH host key and a TLS key, on the same host or on different ones.",
        rows.CrossProtocolRow,
        cross_protocol.cross_protocol,
    ),
    TableSpec(
        "cross_protocol_hosts",
        "Hosts whose SSH host key is a TLS key of theirs",
        "One row per host and key.",
        rows.CrossProtocolHostRow,
        cross_protocol.cross_protocol_hosts,
    ),
    TableSpec(
        "key_findings",
        "Weak and known keys",
        "One row per kind of finding. Shares are of the keys shown that were looked at, and of the hosts that show "
        "any of these. Empty: nothing looked for it.",
        key_findings.KeyFindingRow,
        key_findings.key_findings,
    ),
    TableSpec(
        "weak_keys",
        "Keys with a finding",
        "One row per key, worst first. Factors are named, not told: they are private keys of others.",
        key_findings.WeakKeyRow,
        key_findings.weak_keys,
    ),
    TableSpec(
        "default_certificates",
        "Default certificates of products",
        "One row per row of the catalogue that certificates matched, by subject, certificate or key. Shares are of "
        "the hosts that show any certificate.",
        default_certificates.DefaultCertificateRow,
        default_certificates.default_certificates,
    ),
)
