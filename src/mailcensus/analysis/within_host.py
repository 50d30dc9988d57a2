"""Keys that one host shows on several of its services."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import owners_by_pair, service_pairs

SERIOUS = "serious"
"""An SSH host key that is a TLS key: whoever holds the one file can be the host on both."""
NORMAL = "normal"
"""One TLS key on several mail or web services of a host is how most are set up."""


def within_host(evidence: Evidence) -> ibis.Table:
    """Pairs of services on which hosts show the same key.

    Returns:
        One row per pair of services on which any host does; `hosts` out of `hosts_showing_both`, the hosts
        that show any key on each of both.
    """
    pairs = service_pairs(evidence.services, same=False)
    by_host, by_key = _by_host(evidence, pairs), _by_key(evidence, pairs)
    showing_both = _showing_both(evidence, pairs)
    joined = by_host.join(by_key, ["bit_a", "bit_b"]).join(showing_both, ["bit_a", "bit_b"])
    rows = joined.join(pairs, ["bit_a", "bit_b"])
    return rows.mutate(
        reading=ibis.ifelse(rows.ssh_a != rows.ssh_b, SERIOUS, NORMAL),
        share=rows.hosts / rows.hosts_showing_both,
    ).order_by("port_a", "port_b")


def _by_host(evidence: Evidence, pairs: ibis.Table) -> ibis.Table:
    """Nearly no host shows two keys on one service; no pair of services of the others is in two of their masks."""
    showings = _on_several(evidence.showings)
    two_on_one = evidence.showing_hosts.filter("several")
    others = showings.semi_join(two_on_one, "host")
    return owners_by_pair(
        showings.anti_join(two_on_one, "host"), others.select("mask", owner=others.host), pairs, "hosts"
    )


def _by_key(evidence: Evidence, pairs: ibis.Table) -> ibis.Table:
    """A key that one host shows has that host's mask."""
    keys, shared = evidence.shown_keys, _on_several(evidence.links)
    alone = _on_several(keys.filter(keys.hosts == 1))
    return owners_by_pair(alone, shared.select("mask", owner=shared.key), pairs, "keys")


def _on_several(rows: ibis.Table) -> ibis.Table:
    """Those whose mask is of two services or more."""
    return rows.filter((rows.mask & (rows.mask - 1)) != 0)


def _showing_both(evidence: Evidence, pairs: ibis.Table) -> ibis.Table:
    """Every host has one mask here: hosts are counted by mask, and masks by pair."""
    masks = evidence.showing_hosts.group_by("mask").agg(hosts=ibis._.count())
    met = masks.join(pairs, [(masks.mask & pairs.bit_a) != 0, (masks.mask & pairs.bit_b) != 0])
    return met.group_by("bit_a", "bit_b").agg(hosts_showing_both=met.hosts.sum().cast("int64"))
