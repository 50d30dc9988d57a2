"""Keys that several hosts show."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named, service_pairs
from mailcensus.analysis.places import member_places, spread
from mailcensus.analysis.rsa_transport import RSA_TRANSPORT

COMMON_NAMES = 10
"""Common names listed per key or cluster."""


def shared_keys(evidence: Evidence) -> ibis.Table:
    """Keys that two or more hosts show.

    Returns:
        One row per key, most shared first.
    """
    ssh_mask = evidence.ssh_mask
    rows = named(evidence.cluster_keys, evidence.services).join(evidence.keys, "key")
    for part in (_spread(evidence), _certificates(evidence), rsa_transport_hosts(evidence)):
        rows = rows.left_join(part, "key").drop("key_right")
    by_ssh, by_tls = (rows.mask & ssh_mask) != 0, (rows.mask & ~ssh_mask) != 0
    return rows.mutate(
        via=ibis.cases((by_ssh & by_tls, "both"), (by_ssh, "ssh"), else_="tls"),
        certificates=rows.certificates.fill_null(0),
        rsa_transport_hosts=rows.rsa_transport_hosts.fill_null(0),
        countries=some_texts(rows.countries),
        common_names=some_texts(rows.common_names),
    ).order_by(ibis.desc("hosts"), "spki_sha256")


def _spread(evidence: Evidence) -> ibis.Table:
    places = member_places(evidence).drop("cluster")
    return spread(evidence.links.select("host", "key").join(places, "host"), "key")


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
    hosts = evidence.showing_hosts.filter((evidence.showing_hosts.mask & mask) != 0)
    showing = hosts.aggregate(hosts_showing=hosts.count())
    counts = hosts_by_way(evidence).select("key", hosts=f"{via}_hosts")
    highest = counts.filter((counts.hosts > 0) & (counts.hosts == counts.hosts.max().as_scalar()))
    top = highest.join(evidence.keys, "key").order_by("spki_sha256").limit(1)
    leaves = evidence.certificates.semi_join(top, "key")
    names = leaves.group_by("key").agg(common_names=names_of(leaves))
    rows = top.left_join(names, "key").cross_join(showing)
    return rows.select(
        "spki_sha256", "hosts", "hosts_showing", "algorithm", "bits", via=ibis.literal(via),
        share=rows.hosts / rows.hosts_showing, common_names=some_texts(rows.common_names),
    )  # fmt: skip


def hosts_by_way(evidence: Evidence) -> ibis.Table:
    """One row per key shown: key, ssh_hosts, tls_hosts, both_hosts (that show it both ways)."""
    return evidence.once("hosts_by_way", lambda: evidence.dataset.put("hosts_by_way", _by_way(evidence)))


def _by_way(evidence: Evidence) -> ibis.Table:
    """Only keys shown both ways need their hosts counted again; there are few."""
    keys, ssh_mask = evidence.shown_keys, evidence.ssh_mask
    by_ssh, by_tls = (keys.mask & ssh_mask) != 0, (keys.mask & ~ssh_mask) != 0
    one_way = keys.filter(by_ssh != by_tls)
    showings = evidence.showings.semi_join(keys.filter(by_ssh & by_tls), "key")
    ssh, tls = (showings.mask & ssh_mask) != 0, (showings.mask & ~ssh_mask) != 0
    both_ways = showings.group_by("key").agg(
        ssh_hosts=ssh.sum(), tls_hosts=tls.sum(), both_hosts=(ssh & tls).sum()
    )
    is_ssh = (one_way.mask & ssh_mask) != 0
    single = one_way.select(
        "key",
        ssh_hosts=is_ssh.ifelse(one_way.hosts, 0),
        tls_hosts=is_ssh.ifelse(0, one_way.hosts),
        both_hosts=ibis.literal(0, "int64"),
    )
    return ibis.union(single, both_ways)


def rsa_transport_hosts(evidence: Evidence) -> ibis.Table:
    """Keys used for RSA key transport: key, rsa_transport_hosts."""
    answers = evidence.answers
    used = answers.filter(answers.cipher_suite.isin(RSA_TRANSPORT) & answers.key.notnull() & ~answers.again)
    hosts = used.semi_join(evidence.cluster_keys, "key").select("host", "key").distinct()
    return hosts.group_by("key").agg(rsa_transport_hosts=hosts.count())


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
    """Per shared key: how many certificates it was shown in, and their common names."""
    leaves = shared_certificates(evidence)
    return leaves.group_by("key").agg(certificates=leaves.count(), common_names=names_of(leaves))


def shared_certificates(evidence: Evidence) -> ibis.Table:
    """One row per certificate with a shared key: key, cluster, certificate, common_name, wildcard."""
    return evidence.once(
        "shared_certificates", lambda: evidence.dataset.put("shared_certificates", _shared(evidence))
    )


def _shared(evidence: Evidence) -> ibis.Table:
    leaves = evidence.certificates.join(evidence.cluster_keys.select("key", "cluster"), "key")
    leaves = evidence.dataset.put("leaves_of_shared_keys", leaves)
    wild = wildcards(evidence).semi_join(leaves, "certificate_sha256")
    return leaves.left_join(wild, "certificate_sha256").select(
        "key", "cluster", "certificate", "common_name", wildcard=ibis._.wildcard.fill_null(False)
    )


def wildcards(evidence: Evidence) -> ibis.Table:
    """Certificates with a name that begins with `*.` (RFC 6125 section 6.4.3): certificate_sha256, wildcard."""
    certificates = evidence.dataset.table("certificates")
    names = certificates.sans.join(" ")
    wild = certificates.filter(
        certificates.common_name.startswith("*.") | names.startswith("*.") | names.contains(" *.")
    )
    return wild.select(certificate_sha256="sha256", wildcard=ibis.literal(True))


def names_of(leaves: ibis.Table) -> ibis.Value:
    """Different common names, in order, to be aggregated."""
    return leaves.common_name.collect(distinct=True).sort()[:COMMON_NAMES]


def some_texts(texts: ibis.Value) -> ibis.Value:
    """An empty list where there are none."""
    return texts.fill_null(ibis.literal([], "array<string>"))
