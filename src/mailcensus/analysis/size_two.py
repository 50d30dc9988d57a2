"""Clusters of two hosts, by the pairs of ports that link them."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import service_pairs

_WIDTH = 31
"""Bits of a mask; see masks.MAX_SERVICES."""


def size_two_patterns(evidence: Evidence) -> ibis.Table:
    """Clusters of two hosts by the pairs of ports that link them; most clusters are of this size.

    Returns:
        One row per pattern, most frequent first; `clusters` out of `clusters_of_two`.
    """
    alike = evidence.dataset.put("clusters_of_two", _alike(evidence))
    each = alike.mutate(code=alike.codes.unnest())
    each = each.mutate(mask_a=each.code >> _WIDTH, mask_b=each.code & ((1 << _WIDTH) - 1))
    pairs = service_pairs(evidence.services, same=True)
    there = ((each.mask_a & pairs.bit_a) != 0) & ((each.mask_b & pairs.bit_b) != 0)
    back = ((each.mask_a & pairs.bit_b) != 0) & ((each.mask_b & pairs.bit_a) != 0)
    met = each.join(pairs, there | back).select("like", "ports", "port_a", "port_b").distinct()
    patterns = met.group_by("like").agg(pattern=met.ports.collect(order_by=[met.port_a, met.port_b]))
    rows = patterns.join(alike, "like")
    rows = rows.group_by("pattern").agg(clusters=rows.clusters.sum(), keys=rows["keys"].sum())
    whole = alike.aggregate(clusters_of_two=alike.clusters.sum())
    table = rows.cross_join(whole)
    return table.mutate(share=table.clusters / table.clusters_of_two).order_by(
        ibis.desc("clusters"), table.pattern.join(" ")
    )


def _alike(evidence: Evidence) -> ibis.Table:
    """Clusters of two hosts whose keys have the same pairs of masks: like, codes, clusters, keys.

    Both hosts show each shared key of the cluster. A code is the masks with which they do, in the order of the
    hosts' addresses; which of the two is first does not matter to an unordered pair of ports.
    """
    members, links = evidence.cluster_members, evidence.links
    two = members.group_by("cluster").agg(hosts=members.count())
    two = two.filter(two.hosts == 2)
    of_two = links.semi_join(two, "cluster")
    keys = of_two.group_by("cluster", "key").agg(
        first=of_two.mask.argmin(of_two.host), second=of_two.mask.argmax(of_two.host)
    )
    coded = keys.mutate(code=(keys["first"] << _WIDTH) | keys.second)
    found = coded.group_by("cluster").agg(codes=coded.code.collect(distinct=True).sort(), keys=coded.count())
    alike = found.group_by("codes").agg(clusters=found.count(), keys=found["keys"].sum())
    return alike.mutate(like=ibis.row_number().over())
