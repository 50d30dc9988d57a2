"""Keys that are SSH host keys and TLS keys at once."""

from __future__ import annotations

import ibis

from mailcensus.analysis.across_hosts import names_of, some_names
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named


def cross_protocol(evidence: Evidence) -> ibis.Table:
    """Keys shown both by SSH and by TLS, wherever.

    Returns:
        One row per key, most hosts first; reading `same_host` where any host shows it both ways.
    """
    rows = _cross_keys(evidence).join(_ways(evidence), "key").join(evidence.keys, "key")
    leaves = evidence.certificates
    names = leaves.group_by("key").agg(common_names=names_of(leaves))
    rows = named(rows, evidence.services).left_join(names, "key")
    return rows.mutate(
        reading=ibis.ifelse(rows.both_hosts > 0, "same_host", "across_hosts"),
        common_names=some_names(rows.common_names),
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


def _cross_keys(evidence: Evidence) -> ibis.Table:
    return evidence.shown_keys.filter(_both(evidence.shown_keys, evidence.ssh_mask))


def _ways(evidence: Evidence) -> ibis.Table:
    """Per key: hosts by SSH, by TLS, and both ways."""
    showings = evidence.showings.semi_join(_cross_keys(evidence), "key")
    ssh_mask = evidence.ssh_mask
    return showings.group_by("key").agg(
        ssh_hosts=((showings.mask & ssh_mask) != 0).sum(),
        tls_hosts=((showings.mask & ~ssh_mask) != 0).sum(),
        both_hosts=_both(showings, ssh_mask).sum(),
    )


def _both(table: ibis.Table, ssh_mask: int) -> ibis.Value:
    return ((table.mask & ssh_mask) != 0) & ((table.mask & ~ssh_mask) != 0)
