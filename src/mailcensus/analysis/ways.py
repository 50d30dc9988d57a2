"""The ways in which hosts share keys: one certificate copied, one key in several certificates, an SSH host key.

A certificate on several hosts is often put there on purpose. A key that comes back in another certificate is
renewal on one host after the other, or an image whose first start made only a new certificate. An SSH host key is
made when a system is installed, and two hosts with one are seldom meant to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column


@dataclass(frozen=True, slots=True)
class Way:
    """One way to share a key."""

    name: str
    definition: str


# fmt: off
WAYS = (
    Way("same_certificate",    "another host shows the same certificate"),
    Way("other_certificate",   "another host shows the same key in another certificate"),
    Way("ssh",                 "another host shows the same SSH host key"),
    Way("ssh_and_tls",         "one shows by SSH what another host shows by TLS"),
    Way("certificate_unknown", "shared by TLS; the certificate was not recorded"),
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class WayRow:
    """One way to share a key."""

    way: Annotated[str, Column("same_certificate, other_certificate, ssh, ssh_and_tls, certificate_unknown")]
    hosts: Annotated[int, Column("hosts that share a key in this way")]
    hosts_only: Annotated[int, Column("of these: hosts that share keys in no other way")]
    hosts_sharing: Annotated[int, Column("hosts that share a key in any way")]
    share: Annotated[float | None, Column("hosts / hosts_sharing")]
    only_share: Annotated[float | None, Column("hosts_only / hosts_sharing")]
    keys: Annotated[int, Column("keys that are shared in this way")]
    keys_shared: Annotated[int, Column("keys shared in any way")]
    definition: Annotated[str, Column("what is counted")]


def ways(evidence: Evidence) -> ibis.Table:
    """HARK and shared keys split by the way of sharing.

    Returns:
        One row per way. A host or key may share in several ways: `hosts` and `keys` add up to more than
        `hosts_sharing` and `keys_shared`, the hosts and keys that are shared in any way.
    """
    shared = evidence.dataset.put("ways_of_links", _ways(evidence))
    table = _each_way()
    for owner, name in (("host", "hosts"), ("key", "keys")):
        alike = _alike(shared, owner)
        table = table.join(_counted(alike, name), "place").cross_join(
            alike.aggregate(**{f"{name}_sharing": alike.owners.sum().fill_null(0)})
        )
    return table.mutate(
        keys_shared=table.keys_sharing,
        share=table.hosts / table.hosts_sharing.nullif(0),
        only_share=table.hosts_only / table.hosts_sharing.nullif(0),
    ).order_by("place")


def _each_way() -> ibis.Table:
    rows = [
        {"place": place, "bit": 1 << place, "way": way.name, "definition": way.definition}
        for place, way in enumerate(WAYS)
    ]
    return ibis.memtable(
        rows, schema={"place": "int64", "bit": "int64", "way": "string", "definition": "string"}
    )


def _alike(shared: ibis.Table, owner: str) -> ibis.Table:
    """Owners of links by the ways they share in, as bits: ways, owners."""
    each = shared.group_by(owner).agg(ways=shared.ways.bit_or())
    return each.group_by("ways").agg(owners=each.count())


def _counted(alike: ibis.Table, name: str) -> ibis.Table:
    """For each way, owners that share in it, and those that share in no other: place, <name>, <name>_only."""
    ways = _each_way().select("place", "bit")
    met = ways.left_join(alike, (alike.ways & ways.bit) != 0)
    alone = ibis.ifelse(met.ways == met.bit, met.owners, 0)
    return met.group_by("place").agg(
        **{name: met.owners.sum().fill_null(0), f"{name}_only": alone.sum().fill_null(0)}
    )


def _ways(evidence: Evidence) -> ibis.Table:
    """Each link with the ways in which its host shares its key with another one, as bits: host, key, ways."""
    rows = evidence.links.select("host", "key", "mask").join(_holders(evidence), "key")
    rows = rows.left_join(_certificates_of_links(evidence), ["host", "key"]).drop("host_right", "key_right")
    by_ssh, by_tls = (rows.mask & evidence.ssh_mask) != 0, (rows.mask & ~evidence.ssh_mask) != 0
    own = rows.own_certificates.fill_null(0)
    # A host with one certificate: any second one of the key is another host's. With two: any other host's is
    # another than one of them.
    other = ibis.ifelse(own == 1, rows.certificates >= 2, (own >= 2) & (rows.certified_hosts >= 2))
    found = (
        rows.copied.fill_null(False),
        other,
        by_ssh & (rows.ssh_hosts >= 2),
        (by_ssh & (rows.tls_hosts > by_tls.cast("int64")))
        | (by_tls & (rows.ssh_hosts > by_ssh.cast("int64"))),
    )
    bits = sum((ibis.ifelse(way, 1 << place, 0) for place, way in enumerate(found)), ibis.literal(0))
    unknown = 1 << len(found)
    return rows.select("host", "key", ways=ibis.ifelse(bits == 0, unknown, bits))


def _holders(evidence: Evidence) -> ibis.Table:
    """Per shared key: key, ssh_hosts, tls_hosts."""
    links = evidence.links
    return links.group_by("key").agg(
        ssh_hosts=((links.mask & evidence.ssh_mask) != 0).sum(),
        tls_hosts=((links.mask & ~evidence.ssh_mask) != 0).sum(),
    )


def _certificates_of_links(evidence: Evidence) -> ibis.Table:
    """Per link with certificates: own_certificates, copied (another host shows one of these), and of its key:
    certificates, certified_hosts (that show it in any)."""
    leaves = evidence.leaves.semi_join(evidence.cluster_keys, "key")
    holders = leaves.group_by("certificate").agg(holders=leaves.count())
    each = leaves.join(holders, "certificate")
    links = each.group_by("host", "key").agg(own_certificates=each.count(), copied=(each.holders >= 2).any())
    certificates = leaves.select("key", "certificate").distinct()
    of_keys = certificates.group_by("key").agg(certificates=certificates.count())
    hosts = links.group_by("key").agg(certified_hosts=links.count())
    return links.join(of_keys, "key").join(hosts, "key")
