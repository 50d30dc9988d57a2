"""Keys that are SSH host keys and TLS keys at once."""

from __future__ import annotations

import ibis

from mailcensus.analysis.across_hosts import hosts_by_way, names_of, some_texts
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named


def cross_protocol(evidence: Evidence) -> ibis.Table:
    """Keys shown both by SSH and by TLS, wherever.

    Returns:
        One row per key, most hosts first; reading `same_host` where any host shows it both ways.
    """
    cross = evidence.shown_keys.filter(_both(evidence.shown_keys, evidence.ssh_mask))
    rows = cross.join(hosts_by_way(evidence), "key").join(evidence.keys, "key")
    leaves = evidence.certificates.semi_join(cross, "key")
    names = leaves.group_by("key").agg(common_names=names_of(leaves))
    rows = named(rows, evidence.services).left_join(names, "key")
    return rows.mutate(
        reading=ibis.ifelse(rows.both_hosts > 0, "same_host", "across_hosts"),
        common_names=some_texts(rows.common_names),
    ).order_by(ibis.desc("hosts"), "spki_sha256")


def cross_protocol_hosts(evidence: Evidence) -> ibis.Table:
    """Hosts that show one key both by SSH and by TLS.

    Returns:
        One row per host and key, by address.
    """
    showings = evidence.showings
    both = showings.filter(_both(showings, evidence.ssh_mask))
    rows = named(both, evidence.services).join(evidence.hosts, "host").join(evidence.keys, "key")
    return rows.order_by("host", "spki_sha256")


def _both(table: ibis.Table, ssh_mask: int) -> ibis.Value:
    return ((table.mask & ssh_mask) != 0) & ((table.mask & ~ssh_mask) != 0)
