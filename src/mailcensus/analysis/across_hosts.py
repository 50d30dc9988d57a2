"""Keys that several hosts show."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named, service_pairs

COMMON_NAMES = 10
"""Common names listed per key or cluster."""


def shared_keys(evidence: Evidence) -> ibis.Table:
    """Keys that two or more hosts show.

    Returns:
        One row per key, most shared first.
    """
    keys, ssh_mask = evidence.shown_keys, evidence.ssh_mask
    shared = keys.filter(keys.hosts >= 2).join(evidence.keys, "key")
    clusters = evidence.links.select("key", "cluster").distinct()
    rows = named(shared, evidence.services).join(clusters, "key").left_join(_certificates(evidence), "key")
    by_ssh, by_tls = (rows.mask & ssh_mask) != 0, (rows.mask & ~ssh_mask) != 0
    return rows.mutate(
        via=ibis.cases((by_ssh & by_tls, "both"), (by_ssh, "ssh"), else_="tls"),
        certificates=rows.certificates.fill_null(0),
        common_names=some_names(rows.common_names),
    ).order_by(ibis.desc("hosts"), "spki_sha256")


def most_shared(evidence: Evidence) -> ibis.Table:
    """The key that most hosts show by SSH, and the one by TLS.

    Returns:
        One row for each of both that any key is shown by; `hosts` out of `hosts_showing`, the hosts that show
        any key this way. Of equally shared keys the first by name.
    """
    rows = ibis.union(_most_shared(evidence, "ssh"), _most_shared(evidence, "tls"))
    return rows.order_by("via")


def _most_shared(evidence: Evidence, via: str) -> ibis.Table:
    mask = evidence.ssh_mask if via == "ssh" else ~evidence.ssh_mask
    showings = evidence.showings.filter((evidence.showings.mask & mask) != 0)
    hosts = evidence.showing_hosts.filter((evidence.showing_hosts.mask & mask) != 0)
    showing = hosts.aggregate(hosts_showing=hosts.count())
    counts = showings.group_by("key").agg(hosts=showings.count())
    highest = counts.filter(counts.hosts == counts.hosts.max().as_scalar())
    top = highest.join(evidence.keys, "key").order_by("spki_sha256").limit(1)
    rows = top.left_join(_certificates(evidence), "key").cross_join(showing)
    return rows.select(
        "spki_sha256", "hosts", "hosts_showing", "algorithm", "bits", via=ibis.literal(via),
        share=rows.hosts / rows.hosts_showing, common_names=some_names(rows.common_names),
    )  # fmt: skip


def port_pairs(evidence: Evidence) -> ibis.Table:
    """Links between different hosts by pair of services, without writing the links out.

    The hosts of one key fall into classes that show it on the same services. Between two classes of m and n
    hosts there are m * n pairs of hosts, within one n * (n - 1) / 2, all on the same pairs of services; so it
    is enough to add up classes.

    Returns:
        One row per pair of services with any link: `links`, and the `keys` that make them. A pair of hosts
        that shares two keys on the same services counts for both.
    """
    links = evidence.links
    classes = links.group_by("key", "mask").agg(hosts=links.count())
    a, b = classes, classes.view()
    met = a.join(b, [a.key == b.key, a.mask <= b.mask]).select(
        key=a.key, mask_a=a.mask, mask_b=b.mask,
        links=ibis.ifelse(a.mask == b.mask, a.hosts * (a.hosts - 1) // 2, a.hosts * b.hosts),
    )  # fmt: skip
    met = met.filter(met.links > 0)
    pairs = service_pairs(evidence.services, same=True)
    counted = _links_by_pair(met, pairs).join(_keys_by_pair(met, pairs), ["bit_a", "bit_b"])
    return counted.join(pairs, ["bit_a", "bit_b"]).order_by("port_a", "port_b")


def _links_by_pair(met: ibis.Table, pairs: ibis.Table) -> ibis.Table:
    by_masks = met.group_by("mask_a", "mask_b").agg(links=met.links.sum())
    each = by_masks.join(pairs, _either_way(by_masks, pairs))
    return each.group_by("bit_a", "bit_b").agg(links=each.links.sum().cast("int64"))


def _keys_by_pair(met: ibis.Table, pairs: ibis.Table) -> ibis.Table:
    """As `masks.owners_by_pair`, for keys and the pairs of classes they have."""
    coded = met.select("key", code=(met.mask_a << 31) | met.mask_b)
    owners = coded.group_by("key").agg(codes=coded.code.collect().sort())
    alike = owners.group_by("codes").agg(keys=owners.count()).mutate(like=ibis.row_number().over())
    each = alike.select("like", "keys", code=alike.codes.unnest())
    each = each.mutate(mask_a=each.code >> 31, mask_b=each.code & ((1 << 31) - 1))
    found = each.join(pairs, _either_way(each, pairs))
    once = found.select("like", "keys", "bit_a", "bit_b").distinct()
    return once.group_by("bit_a", "bit_b").agg(keys=once["keys"].sum().cast("int64"))


def _either_way(masks: ibis.Table, pairs: ibis.Table) -> ibis.Value:
    there = ((masks.mask_a & pairs.bit_a) != 0) & ((masks.mask_b & pairs.bit_b) != 0)
    back = ((masks.mask_a & pairs.bit_b) != 0) & ((masks.mask_b & pairs.bit_a) != 0)
    return there | back


def _certificates(evidence: Evidence) -> ibis.Table:
    """Per key: how many certificates it was shown in, and their common names."""
    leaves = evidence.certificates
    return leaves.group_by("key").agg(certificates=leaves.count(), common_names=names_of(leaves))


def names_of(leaves: ibis.Table) -> ibis.Value:
    """Different common names, in order, to be aggregated."""
    return leaves.common_name.collect(distinct=True).sort()[:COMMON_NAMES]


def some_names(names: ibis.Value) -> ibis.Value:
    """An empty list where there are none."""
    return names.fill_null(ibis.literal([], "array<string>"))
