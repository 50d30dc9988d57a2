"""The chapters of the report: which tables they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mailcensus.analysis.table_spec import TableSpec
from mailcensus.report.table_view import TableView


@dataclass(frozen=True, slots=True)
class ChapterSpec:
    """One chapter, before it is filled."""

    anchor: str
    """Name of its page."""
    title: str
    opening: str
    tables: Sequence[str]


@dataclass(frozen=True, slots=True)
class FigurePart:
    """A figure on the page, and the name of its files."""

    name: str
    svg: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class Part:
    """A table of a chapter, and the figures drawn from it."""

    view: TableView
    figures: Sequence[FigurePart]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter as the template shows it."""

    anchor: str
    title: str
    opening: str
    parts: Sequence[Part]
    without_rows: Sequence[TableSpec]
    """Tables of the chapter that have no rows."""


CHAPTERS = (
    ChapterSpec(
        "whom",
        "Whom we asked",
        "Who answered, how many of these answer on any port (middleboxes, tarpits), whom we left alone, and every "
        "connection of every stage, counted as it began.",
        (
            *("run_table", "discovery", "noise_ports", "noise_hits", "exclusions", "ledger_peaks"),
            *("ledger_hours", "ledger_networks", "ledger_systems"),
        ),
    ),
    ChapterSpec(
        "seen",
        "Could we have seen them?",
        "Canaries are known responders that were asked beside the population, from the same vantage. While they "
        "answer, silence of the others means something; while they do not, it means nothing, and nobody is asked. "
        "The rule compares how likely their answers are if the way is open, and if it is closed; 100 to 1 decides.",
        ("vantage_verdict", "vantage_services", "canary_record", "pauses"),
    ),
    ChapterSpec(
        "services",
        "Services",
        "What was asked of each host and how it ended. A time-out or a “come back later” is unknown, never a no.",
        ("services", "listeners", "host_locations", "outcomes"),
    ),
    ChapterSpec(
        "reuse",
        "Keys re-used",
        "Within a host, one TLS key on several services is how mail servers are usually set up; an SSH host key that "
        "is also a TLS key is serious, because each can then stand in for the other. Across hosts, who holds a "
        "shared key can pose as each of them.",
        (
            *(
                "within_host",
                "cross_protocol_hosts",
                "cross_protocol",
                "levels",
                "ways",
                "port_pairs",
                "most_shared",
            ),
            *("shared_keys", "rsa_transport", "versions", "key_kinds"),
        ),
    ),
    ChapterSpec(
        "clusters",
        "Clusters and causes",
        "Hosts linked by shared keys, directly or through other hosts; each cluster has a page with its drawing and "
        "its evidence. Clones, shared certificates and one machine with several addresses all look like this; "
        "readings of why go by stated rules, each with its evidence. A reading is not a proof.",
        (
            *(
                "clusters",
                "cluster_sizes",
                "cluster_statistics",
                "cluster_kinds",
                "cause_summary",
                "cluster_causes",
            ),
            *(
                "key_causes",
                "blast_radius",
                "size_two_patterns",
                "cluster_words",
                "cluster_hosts",
                "cluster_links",
            ),
            *("machines", "machine_hosts"),
        ),
    ),
    ChapterSpec(
        "weak",
        "Weak and known keys",
        "Keys whose private half anybody can have, or that are too short, among the keys that were looked at; and "
        "certificates that products bring along. Factors are named by their hash and never told.",
        ("key_findings", "weak_keys", "default_certificates"),
    ),
    ChapterSpec(
        "tls",
        "TLS posture",
        "Who speaks TLS, in which version, with which suites, groups and signatures, as servers chose from what the "
        "study's hello offered.",
        (
            *(
                "tls_services",
                "starttls",
                "tls_versions",
                "cipher_classes",
                "cipher_suites",
                "key_exchange_groups",
            ),
            *("dh_sizes", "dh_primes", "dh_prime_kinds", "signature_schemes", "handshake_features", "alpn"),
            *("stapling", "record_sizes", "fingerprints", "post_quantum"),
            *("suites_offered", "versions_offered"),
        ),
    ),
    ChapterSpec(
        "certificates",
        "Certificates and chains",
        "What certificates say and whether anybody should believe them: verdicts are those of OpenSSL, by the root "
        "store named, at the time of the handshake.",
        (
            *("chain_statuses", "broken_chains", "ca_practice", "certificate_addresses", "key_hosts"),
            *(
                "certificate_keys",
                "certificate_signatures",
                "certificate_lifetimes",
                "certificate_lifetime_bands",
            ),
            *("issuers", "issuer_market", "invalid_names", "striking_certificates", "striking_systems"),
        ),
    ),
    ChapterSpec(
        "authentication",
        "Authentication",
        "How users log in, before TLS and behind it, in the order in which servers offer it.",
        ("auth_plain_text", "auth_mechanisms", "auth_combinations", "starttls_stripping"),
    ),
    ChapterSpec(
        "passive",
        "What clients really negotiate",
        "Connections that others made, out of captures and logs. They say what users meet, weighted by how often they "
        "meet it; a scan says what servers would do. Servers and connections are counted apart, and what TLS hides "
        "stays unknown: from version 1.3 on, that is certificates and OCSP responses too.",
        (
            *(
                "passive_sources",
                "passive_services",
                "passive_set_aside",
                "passive_starttls",
                "passive_versions",
            ),
            *("passive_cipher_classes", "passive_groups", "passive_chain_statuses"),
            *(
                "passive_duplicate_certificates",
                "passive_stapling",
                "passive_alpn",
                "passive_auth_mechanisms",
            ),
            *("passive_auth_combinations", "passive_plain_text", "client_offers", "client_fingerprints"),
            "passive_beside_scan",
        ),
    ),
    ChapterSpec(
        "software",
        "Software and hygiene",
        "What servers say they run, and how well it is kept.",
        (
            *("hygiene", "hygiene_flaws", "hygiene_priorities", "by_as", "by_software"),
            *("software", "ssh_offers", "published_values"),
        ),
    ),
    ChapterSpec(
        "senders",
        "How senders behave",
        "Receivers of our own with one thing wrong each, and what every sender did about it: encrypted, in the clear, "
        "put off, given back. Silence counts only where the receivers were up.",
        (
            *("sender_conditions_summary", "sender_matrix", "sender_capabilities", "sender_recommendations"),
            *("sender_published", "sender_reports", "sender_unmatched"),
        ),
    ),
    ChapterSpec(
        "where",
        "Where is your mail",
        "To whom the domains of the list give their mail, in which countries and systems their servers are, what "
        "fails together, and how well DNS and TLS protect it. Every table has rows for all domains and for each group "
        "of them. What was not answered is unknown and in no share that says so.",
        (
            *(
                "mail_states",
                "mail_totals",
                "server_countries",
                "mail_abroad",
                "server_locations",
                "anycast_use",
            ),
            *("redundancy", "domains_per_unit", "shared_fate", "preference_ranks", "exchange_states"),
            *("mail_parties", "provider_market", "mail_providers", "jurisdiction"),
            *("dns_security", "domain_tls", "exchange_security"),
        ),
    ),
)
OTHERS = ChapterSpec("more", "More tables", "Tables that belong to no chapter of their own.", ())
"""Where a table stands that no chapter names."""

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
