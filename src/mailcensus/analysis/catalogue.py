"""Every analysis table: its name, title, caption with the denominator, and rows."""

from __future__ import annotations

import ibis

from mailcensus.analysis import (
    across_hosts,
    blast_radius,
    causes,
    cluster_statistics,
    cluster_words,
    clusters,
    cross_protocol,
    default_certificates,
    host_locations,
    key_findings,
    key_kinds,
    levels,
    listeners,
    machines,
    noise,
    politeness,
    rows,
    rsa_transport,
    run_table,
    services,
    several_vantages,
    size_two,
    software,
    summary,
    vantage,
    vantage_rows,
    versions,
    ways,
    within_host,
)
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.tables import MAIL_DOMAIN_TABLES
from mailcensus.analysis.passive.tables import PASSIVE_TABLES
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.protection_tables import PROTECTION_TABLES
from mailcensus.analysis.published.compare import PublishedValueRow, compare
from mailcensus.analysis.senders.tables import SENDER_TABLES
from mailcensus.analysis.table_spec import TableSpec

__all__ = ["TABLES", "TableSpec"]


def _published_values(evidence: Evidence) -> ibis.Table:
    return compare(evidence, TABLES)


TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "summary",
        "Summary",
        "The headline numbers. Every share names its denominator.",
        rows.SummaryRow,
        summary.summary,
    ),
    TableSpec(
        "run_table",
        "The run",
        "The newest run in one row, as published studies sum up a country. Every share names its denominator in "
        "its column.",
        run_table.RunTableRow,
        run_table.run_table,
    ),
    TableSpec(
        "services",
        "Services",
        "One row per service; hosts are counted by their last grab in the run. A host that was rate limited or "
        "timed out is unknown: it is in no numerator and in no 'known' denominator.",
        rows.ServiceRow,
        services.services,
    ),
    TableSpec(
        "listeners",
        "Listeners",
        "Hosts that take connections and hosts that show a key, for each service and over all. Shares are of the "
        "hosts and services that took the connection.",
        listeners.ListenerRow,
        listeners.listeners,
    ),
    TableSpec(
        "host_locations",
        "Where hosts are",
        "Hosts that took a connection, by the pair of coordinates that a database has for them; anycast addresses, and "
        "hosts whose place no database knows, are left out. `share` is of the hosts there that show a key.",
        host_locations.HostLocationRow,
        host_locations.host_locations,
    ),
    TableSpec(
        "outcomes",
        "Outcomes",
        "How the last grab of each host and service ended. Shares are of the hosts asked for that service.",
        rows.OutcomeRow,
        services.outcomes,
    ),
    TableSpec(
        "software",
        "Software",
        "What servers say they run. Hosts are counted once per protocol and version; shares are of the hosts that "
        "said anything on that protocol. The end of support is the maker's word: distributions mend old versions "
        "without changing the number.",
        rows.SoftwareRow,
        software.software,
    ),
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
    TableSpec(
        "discovery",
        "Discovery, raw and corrected",
        "Who answered, and how many of these answer on any port. The noise share is of the random sample that was "
        "asked on every noise port; its interval is a 95 % one. Where hits themselves were asked on these ports, "
        "those that answered all are marked.",
        noise.DiscoveryRow,
        noise.discovery,
    ),
    TableSpec(
        "noise_ports",
        "Noise by port",
        "Ports on which hardly anybody listens, asked of a random sample. Shares are of the addresses asked.",
        noise.NoisePortRow,
        noise.noise_ports,
        source="noise",
    ),
    TableSpec(
        "noise_hits",
        "Hits that answer on any port",
        "One row per hit that took a connection on every noise port: a middlebox or tarpit more likely than a "
        "mail host.",
        noise.NoiseHitRow,
        noise.noise_hits,
        source="noise",
    ),
    TableSpec(
        "ledger_hours",
        "What was sent, by hour",
        "Connections begun by all stages, each counted as it began.",
        politeness.LedgerHourRow,
        politeness.ledger_hours,
    ),
    TableSpec(
        "ledger_peaks",
        "Peaks, and what the study allows",
        "The most there was of each within the run.",
        politeness.LedgerPeakRow,
        politeness.ledger_peaks,
    ),
    TableSpec(
        "ledger_networks",
        "Networks that were sent most",
        "At most 1,000. Networks in which somebody has opted out since are left out here and counted in the other "
        "tables.",
        politeness.LedgerNetworkRow,
        politeness.ledger_networks,
    ),
    TableSpec(
        "ledger_systems",
        "Autonomous systems that were sent most",
        "At most 1,000, by the study's AS database; a network belongs to the system of its first address. Shares "
        "are of all connections begun.",
        politeness.LedgerSystemRow,
        politeness.ledger_systems,
    ),
    TableSpec(
        "exclusions",
        "Exclusions",
        "What the exclusion files left out of the population, and what they stopped while the run went on. Whom "
        "they name stands in the files alone.",
        politeness.ExclusionRow,
        politeness.exclusions,
    ),
    TableSpec(
        "vantage_verdict",
        "Could we have seen them?",
        "What the canaries say about the whole run: known responders that were asked beside the population. Shares "
        "are of the questions to canaries that count.",
        vantage_rows.VantageVerdictRow,
        vantage.vantage_verdict,
    ),
    TableSpec(
        "vantage_services",
        "One vantage beside the others",
        "Where several vantages asked one run: one row per vantage and service. Shares are of the hosts that the "
        "vantage, or all others, asked for the service; each asked networks of its own.",
        several_vantages.VantageServiceRow,
        several_vantages.vantage_services,
    ),
    TableSpec(
        "canary_record",
        "Canaries",
        "One row per canary; the most silent first. Shares are of the questions to it.",
        vantage_rows.CanaryRecordRow,
        vantage.canary_record,
    ),
    TableSpec(
        "pauses",
        "Pauses",
        "Times in which no address was asked, since no canary answered; what had been asked since the last good "
        "answer was asked again.",
        vantage_rows.PauseRow,
        vantage.pauses,
    ),
    *POSTURE_TABLES,
    *PROTECTION_TABLES,
    *PASSIVE_TABLES,
    *MAIL_DOMAIN_TABLES,
    *SENDER_TABLES,
    TableSpec(
        "published_values",
        "Published values beside ours",
        "One row per number of a paper that one of these tables has too, with its source. Shares have the denominator "
        "of the table's column; years and ways of measuring differ.",
        PublishedValueRow,
        _published_values,
    ),
)
