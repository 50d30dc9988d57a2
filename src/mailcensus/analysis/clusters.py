"""Clusters: connected components of hosts, two hosts being linked when they show the same key, on any ports."""

from __future__ import annotations

import ibis

from mailcensus.analysis.across_hosts import names_of, shared_certificates, some_texts
from mailcensus.analysis.database_functions import bit_count
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named
from mailcensus.analysis.places import member_places, spread


def clusters(evidence: Evidence) -> ibis.Table:
    """Clusters of two or more hosts.

    Returns:
        One row per cluster, largest first.
    """
    hosts = evidence.hosts
    rows = named(cluster_profiles(evidence), evidence.services).join(
        hosts.select("host", first_ip="ip"), "host"
    )
    rows = rows.join(evidence.keys.select("key", largest_key="spki_sha256"), "key")
    return rows.order_by("cluster")


def cluster_profiles(evidence: Evidence) -> ibis.Table:
    """What `clusters` says, with the smallest host and the largest key as numbers: host, key, mask."""
    return evidence.once(
        "cluster_profiles", lambda: evidence.dataset.put("cluster_profiles", _profiles(evidence))
    )


def _profiles(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members
    rows = members.group_by("cluster").agg(
        hosts=members.count(), mask=members.mask.bit_or(), host=members.host.min()
    )
    places = spread(member_places(evidence), "cluster")
    for part in (_keys(evidence), places, _host_ports(evidence), _own_keys(evidence)):
        rows = rows.join(part, "cluster")
    rows = rows.left_join(_certificates(evidence), "cluster").drop("cluster_right")
    counts = ("certificates", "wildcard_certificates")
    return rows.mutate(
        ssh_keys_shown=rows.ssh_keys + rows.own_ssh_keys,
        tls_keys_shown=rows.tls_keys + rows.own_tls_keys,
        kind=ibis.cases((rows.tls_keys == 0, "ssh"), (rows.ssh_keys == 0, "tls"), else_="both"),
        countries=some_texts(rows.countries),
        common_names=some_texts(rows.common_names),
        **{name: rows[name].fill_null(0) for name in counts},
    ).drop("own_ssh_keys", "own_tls_keys")


def _keys(evidence: Evidence) -> ibis.Table:
    """Per cluster: its shared keys counted, and the one most hosts show (of several, the first by name)."""
    keys, ssh_mask = evidence.cluster_keys, evidence.ssh_mask
    counts = keys.group_by("cluster").agg(
        keys=keys.count(),
        ssh_keys=((keys.mask & ssh_mask) != 0).sum(),
        tls_keys=((keys.mask & ~ssh_mask) != 0).sum(),
        largest_key_hosts=keys.hosts.max(),
    )
    largest = keys.join(counts.select("cluster", hosts="largest_key_hosts"), ["cluster", "hosts"])
    named_keys = largest.join(evidence.keys.select("key", "spki_sha256"), "key")
    first = named_keys.group_by("cluster").agg(key=named_keys.key.argmin(named_keys.spki_sha256))
    return counts.join(first, "cluster")


def _host_ports(evidence: Evidence) -> ibis.Table:
    shown = evidence.showing_hosts.select("host", shown="mask")
    members = evidence.cluster_members.select("host", "cluster").join(shown, "host")
    ssh_mask = evidence.ssh_mask
    return members.group_by("cluster").agg(
        host_ports=bit_count(members.shown).sum(),
        ssh_host_ports=bit_count(members.shown & ssh_mask).sum(),
        tls_host_ports=bit_count(members.shown & ~ssh_mask).sum(),
    )


def _own_keys(evidence: Evidence) -> ibis.Table:
    """Per cluster: its hosts' keys that are not shared, each shown by one host: what they show, less the links."""
    members = evidence.cluster_members.select("host", "cluster")
    shown = _ways_shown(evidence, evidence.showings.join(members, "host"))
    shared = _ways_shown(evidence, evidence.links)
    rows = shown.join(shared, "cluster", rname="{name}_shared")
    return rows.select(
        "cluster",
        own_ssh_keys=rows.by_ssh - rows.by_ssh_shared,
        own_tls_keys=rows.by_tls - rows.by_tls_shared,
    )


def _ways_shown(evidence: Evidence, showings: ibis.Table) -> ibis.Table:
    """Per cluster: showings by SSH, and by TLS."""
    ssh_mask = evidence.ssh_mask
    return showings.group_by("cluster").agg(
        by_ssh=((showings.mask & ssh_mask) != 0).sum(), by_tls=((showings.mask & ~ssh_mask) != 0).sum()
    )


def _certificates(evidence: Evidence) -> ibis.Table:
    leaves = shared_certificates(evidence)
    return leaves.group_by("cluster").agg(
        certificates=leaves.count(),
        wildcard_certificates=leaves.wildcard.sum(),
        common_names=names_of(leaves),
    )


def cluster_hosts(evidence: Evidence) -> ibis.Table:
    """Hosts in clusters.

    Returns:
        One row per host, by cluster and then by address.
    """
    rows = named(evidence.cluster_members, evidence.services).join(evidence.hosts, "host")
    return rows.order_by("cluster", "host")


def cluster_links(evidence: Evidence) -> ibis.Table:
    """Edges of each cluster's graph of hosts and shared keys.

    Returns:
        One row per host and shared key, by cluster, address and key.
    """
    rows = named(evidence.links, evidence.services)
    rows = rows.join(evidence.hosts, "host").join(evidence.keys, "key")
    return rows.order_by("cluster", "host", "spki_sha256")
