"""Which columns of a table are shown on a page and set in a paper, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mailcensus.analysis.comparison import ComparisonSpec
from mailcensus.analysis.published import published_values
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.model import fields_of

_CHOSEN: Mapping[str, Sequence[str]] = {
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
    "sender_matrix": (
        *(
            "sender",
            "condition",
            "verdict",
            "should",
            "careful",
            "attempts",
            "fell_back",
            "delivered_after_s",
        ),
        *("versions", "alerts"),
    ),
    "sender_capabilities": (
        *("sender", "connections", "addresses", "domains", "lowest_version", "highest_version", "suites"),
        *("weak_suites", "groups", "post_quantum", "sni_share", "ja4"),
    ),
    "sender_conditions_summary": (
        *("condition", "should", "senders", "delivered_encrypted", "delivered_clear", "kept_back"),
        *("clear_share", "careful_share", "undecided", "went_on"),
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
    **{
        name: (
            *("service", "port", *what, "connections", "connection_share", "servers", "server_share"),
            *published,
        )
        for name, what, published in (
            ("passive_versions", ("version",), ("published", "source")),
            ("passive_cipher_classes", ("cipher_class",), ()),
            ("passive_groups", ("kind", "name"), ()),
            ("passive_chain_statuses", ("judge", "status"), ()),
            ("passive_auth_mechanisms", ("mechanism", "kind"), ()),
            ("passive_auth_combinations", ("mechanisms",), ()),
        )
    },
    "passive_services": (
        *(
            "service",
            "port",
            "connections",
            "servers",
            "tls_share",
            "tls_servers",
            "set_aside",
            "cut",
            "midway",
        ),
        *("published", "source"),
    ),
    "passive_starttls": (
        *(
            "service",
            "port",
            "servers",
            "servers_supporting",
            "servers_share",
            "connections",
            "offered_share",
        ),
        *("upgrade_known", "upgraded", "upgraded_share", "published", "source"),
    ),
    "passive_beside_scan": (
        *(
            "service",
            "port",
            "servers",
            "servers_asked",
            "connections",
            "connections_asked_share",
            "scan_hosts",
        ),
        *("used_share", "version_known", "version_same", "version_lower", "leaf_known", "leaf_same_share"),
    ),
    "passive_plain_text": (
        *("service", "port", "login_known_servers", "login_disabled_server_share", "login_known"),
        *("login_disabled_share", "not_upgraded", "logged_in", "plain", "plain_share", "published", "source"),
    ),
    "cross_protocol_hosts": ("ip", "spki_sha256", "services"),
    "mail_totals": (
        *("group", "quantity", "published", "as_published", "published_definition", "ours", "definition"),
    ),
    "server_countries": (
        *(
            "group",
            "country",
            "exchanges",
            "addresses",
            "share",
            "locations",
            "domains",
            "domain_share",
            "only",
        ),
    ),
    "server_locations": (
        *("group", "city", "region", "country", "addresses", "exchanges", "domains", "share", "only"),
        *("tried_first", "operator"),
    ),
    "shared_fate": (
        *("group", "level", "unit", "words", "lost", "lost_share", "first", "domains", "domain_share"),
    ),
    "anycast_use": (
        *("group", "addresses", "anycast", "share", "exchanges", "rows", "domains_any", "domains_any_share"),
        "domains_only",
    ),
    "redundancy": (
        *("group", "level", "units", "domains", "share", "at_most_share", "at_least_share", "incomplete"),
    ),
    "provider_market": (
        *(
            "group",
            "market",
            "domains",
            "known",
            "providers",
            "hhi",
            "top_1_share",
            "top_3_share",
            "top_5_share",
        ),
        "top_10_share",
    ),
    "mail_providers": ("group", "market", "rank", "name", "provider", "country", "domains", "share"),
    "preference_ranks": ("group", "rank", "exchanges", "share", "domains", "counted_from_last", "foreign"),
}
"""Columns on the page, for tables that are wider than is good to read. CSV files have all."""

_COMPARED = ("published", "source")


def shown_columns(spec: TableSpec | ComparisonSpec) -> list[str]:
    """The chosen columns of a table, or all of them; a published value stands right behind what it is compared with.

    At the right edge of a wide table nobody would see it.
    """
    names = list(_CHOSEN.get(spec.name) or all_columns(spec))
    compared = Counter(
        value.column for value in published_values() if value.table == spec.name and value.beside
    )
    ours = max(compared, key=lambda name: (compared[name], -names.index(name))) if compared else None
    if ours is None or not set(_COMPARED) <= set(names):
        return names
    others = [name for name in names if name not in _COMPARED]
    behind = others.index(ours) + 1
    return [*others[:behind], *_COMPARED, *others[behind:]]


def all_columns(spec: TableSpec | ComparisonSpec) -> list[str]:
    """Every column, in the order of the table's declaration."""
    return [field.name for field in fields_of(spec.row)]
