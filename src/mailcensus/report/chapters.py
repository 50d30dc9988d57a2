"""The chapters of the report: which tables they hold, and which columns of each are shown on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mailcensus.report.table_view import TableView


@dataclass(frozen=True, slots=True)
class ChapterSpec:
    """One chapter, before it is filled."""

    anchor: str
    title: str
    opening: str
    tables: Sequence[str]
    figure: str | None = None


@dataclass(frozen=True, slots=True)
class FigurePart:
    """A figure on the page, and the name of its files."""

    name: str
    svg: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter as the template shows it."""

    anchor: str
    title: str
    opening: str
    figures: Sequence[FigurePart]
    views: Sequence[TableView]


CHAPTERS = (
    ChapterSpec(
        "seen",
        "Could we have seen them?",
        "Canaries are known responders that were asked beside the population, from the same vantage. While they "
        "answer, silence of the others means something; while they do not, it means nothing, and nobody is asked. "
        "The rule compares how likely their answers are if the way is open, and if it is closed; 100 to 1 decides.",
        ("vantage_verdict", "canary_record", "pauses"),
    ),
    ChapterSpec(
        "asked",
        "Services",
        "What was asked of each host and how it ended. A time-out or a “come back later” is unknown, never a no.",
        ("run_table", "services", "listeners", "outcomes", "software"),
    ),
    ChapterSpec(
        "within",
        "Within a host",
        "One key on several services of one host. For TLS services of one kind this is how mail servers are "
        "usually set up; an SSH host key that is also a TLS key is serious, because each can then stand in for "
        "the other.",
        ("within_host", "cross_protocol_hosts", "cross_protocol", "key_kinds"),
    ),
    ChapterSpec(
        "across",
        "Across hosts",
        "One key on several hosts: who holds it can pose as each of them. Clones, shared certificates and one "
        "machine with several addresses all look like this; the pages of clusters hold what tells them apart.",
        ("levels", "ways", "port_pairs", "most_shared", "shared_keys", "rsa_transport", "versions"),
    ),
    ChapterSpec(
        "clustered",
        "Clusters",
        "Hosts linked by shared keys, directly or through other hosts. Each cluster has a page with its drawing "
        "and its evidence.",
        (
            "clusters",
            "cluster_kinds",
            "cluster_sizes",
            "cluster_statistics",
            "size_two_patterns",
            "cluster_words",
        ),
        figure="cluster_sizes",
    ),
    ChapterSpec(
        "causes",
        "Why keys are shared",
        "Readings of shared keys and clusters by stated rules, each with its evidence; what a leak of each key would "
        "expose; and which addresses are inferred to be one machine. A reading is not a proof.",
        ("cause_summary", "cluster_causes", "key_causes", "blast_radius", "machines", "machine_hosts"),
    ),
    ChapterSpec(
        "weak",
        "Weak and known keys",
        "Keys whose private half anybody can have, or that are too short, among the keys that were looked at; and "
        "certificates that products bring along. Factors are named by their hash and never told.",
        ("key_findings", "weak_keys", "default_certificates"),
    ),
    ChapterSpec(
        "noise",
        "Noise",
        "Some addresses answer on any port: middleboxes, tarpits. How many of those that answered are such is "
        "measured where the study asks for it.",
        ("discovery", "noise_ports", "noise_hits"),
    ),
    ChapterSpec(
        "sent",
        "What we sent",
        "Every connection of every stage, counted as it began, and whom we left alone.",
        ("ledger_peaks", "ledger_hours", "ledger_networks", "ledger_systems", "exclusions"),
    ),
)

SHOWN_COLUMNS: Mapping[str, Sequence[str]] = {
    "vantage_verdict": (
        *("verdict", "canaries", "asks", "answered", "share", "closed_share_upper", "log10_odds"),
        *("last_answered_at", "pauses", "paused_s", "hits"),
    ),
    "services": (
        *("service", "port", "asked", "connected", "connected_share", "ok", "ok_share"),
        *("starttls_known", "starttls_share", "tls_known", "tls_share", "key_shown", "key_shown_share"),
        *("rate_limited", "timeout"),
    ),
    "within_host": (
        *("ports", "service_a", "service_b", "reading", "hosts", "hosts_showing_both", "share", "keys"),
    ),
    "port_pairs": ("ports", "service_a", "service_b", "links", "keys"),
    "run_table": (
        *("answering", "hosts_asked", "some_crypto", "some_crypto_share", "crypto_host_ports", "unique_keys"),
        *("keys_share", "hosts_only_local_keys", "hosts_in_clusters", "hark", "clusters", "biggest_cluster"),
        *("median_cluster", "mean_cluster"),
    ),
    "ways": ("way", "hosts", "share", "hosts_only", "only_share", "keys", "definition"),
    "shared_keys": (
        *("spki_sha256", "hosts", "machines", "ases", "cluster", "via", "services", "algorithm", "bits"),
        *("certificates", "rsa_transport_hosts", "common_names"),
    ),
    "clusters": (
        *("cluster", "hosts", "machines", "ases", "countries", "kind", "keys", "ssh_keys", "tls_keys"),
        *("services", "first_ip", "largest_key_hosts", "wildcard_certificates", "common_names"),
    ),
    "cause_summary": (
        *("reading", "meaning", "clusters", "hosts", "share", "share_of_sharing", "machines", "keys"),
        *("high", "medium", "low"),
    ),
    "cluster_causes": ("cluster", "reading", "confidence", "hosts", "machines", "readings", "supports"),
    "key_causes": (
        *("spki_sha256", "cluster", "reading", "confidence", "hosts", "machines", "asns", "names", "domains"),
        *("ssh_keys", "certificates", "supports"),
    ),
    "blast_radius": (
        *("rank", "score", "spki_sha256", "cluster", "reading", "hosts", "machines", "names", "asns"),
        *("countries", "services", "decryption", "trusted"),
    ),
    "key_findings": (
        *("finding", "severity", "meaning", "keys", "keys_checked", "share", "hosts", "share_of_hosts"),
        "services",
    ),
    "weak_keys": (
        *("spki_sha256", "severity", "findings", "keys_sharing", "algorithm", "bits", "hosts", "services"),
        *("cluster", "evidence"),
    ),
    "cross_protocol": (
        *("spki_sha256", "reading", "ssh_hosts", "tls_hosts", "both_hosts", "services", "algorithm", "bits"),
        "common_names",
    ),
    "cross_protocol_hosts": ("ip", "spki_sha256", "services"),
}
"""Columns on the page, for tables that are wider than is good to read. CSV files have all."""

DEFINITIONS = (
    ("host", "An address. Several addresses may be one machine; this report counts addresses."),
    (
        "key",
        "A public key, named by the SHA-256 of its canonical SubjectPublicKeyInfo, the same over SSH and TLS.",
    ),
    ("shared key", "A key that two or more hosts show, on whatever service."),
    ("cluster", "A connected component of hosts, two hosts being linked when they show the same key."),
    ("HARK", "Hosts that are re-using keys: hosts in clusters, as a share of the hosts that showed any key."),
    ("grab", "One observation of one service of one host; a failure is recorded with its stage and reason."),
    ("link", "Two different hosts and a shared key, seen on one port of the one and on a port of the other."),
    ("unknown", "Timed out, was rate limited, or was not asked. In no numerator and no “known” denominator."),
)
