"""On how many addresses a certificate and a key are: figures 6 a, b, c and 7 of "TLS in the Wild"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.posture.leaves import by_group, group_place, leaf_hosts, leaves
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAddressesRow:
    """Leafs that so many addresses show."""

    leaf_group: Annotated[
        str,
        Column("all; valid: the main root store found it so in any handshake; self_signed: by its signature"),
    ]
    addresses: Annotated[int, Column("hosts that show the same leaf, on whatever service")]
    certificates: Annotated[int, Column("leafs on exactly so many")]
    certificates_at_least: Annotated[int, Column("leafs on so many or more")]
    group_certificates: Annotated[int, Column("leafs of the group")]
    share: Annotated[float, Column("certificates / group_certificates")]
    at_least_share: Annotated[
        float, Column("certificates_at_least / group_certificates: the complementary distribution")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHostsRow:
    """TLS keys that so many hosts show."""

    hosts: Annotated[int, Column("hosts that show the same key in a leaf, on whatever TLS service")]
    keys: Annotated[int, Column("keys on exactly so many; with 1: keys unique to a host")]
    keys_at_least: Annotated[int, Column("keys on so many or more")]
    tls_keys: Annotated[int, Column("keys shown by TLS")]
    share: Annotated[float, Column("keys / tls_keys")]
    at_least_share: Annotated[float, Column("keys_at_least / tls_keys: the complementary distribution")]
    hosts_share: Annotated[
        float, Column("pairs of host and key with such a key / all pairs of host and key shown by TLS")
    ]


def certificate_addresses(evidence: Evidence) -> ibis.Table:
    """Figures 6 a, b, c: the likelihood that a certificate occurs on X addresses: all, valid, self-signed.

    Returns:
        One row per group and number of addresses, ascending.
    """
    shown = by_group(leaves(evidence))
    counts = shown.group_by("leaf_group", addresses=shown.hosts).agg(certificates=shown.count())
    window = {"group_by": "leaf_group"}
    upwards = ibis.window(**window, order_by=ibis.desc("addresses"), preceding=None, following=0)
    rows = counts.mutate(
        certificates_at_least=counts.certificates.sum().over(upwards).cast("int64"),
        group_certificates=counts.certificates.sum().over(ibis.window(**window)).cast("int64"),
        place=group_place(counts),
    )
    return rows.mutate(
        share=share(rows.certificates, rows.group_certificates),
        at_least_share=share(rows.certificates_at_least, rows.group_certificates),
    ).order_by("place", "addresses")


def key_hosts(evidence: Evidence) -> ibis.Table:
    """Figure 7: keys by the number of hosts that show them.

    Returns:
        One row per number of hosts, ascending.
    """
    keys = evidence.certificates.select("certificate", "key").filter(ibis._.key.notnull())
    pairs = leaf_hosts(evidence).select("host", "certificate").join(keys, "certificate")
    of_keys = pairs.group_by("key").agg(hosts=pairs.host.nunique())
    counts = of_keys.group_by("hosts").agg(keys=of_keys.count())
    upwards = ibis.window(order_by=ibis.desc("hosts"), preceding=None, following=0)
    pairs_here = counts["keys"] * counts.hosts
    rows = counts.mutate(
        keys_at_least=counts["keys"].sum().over(upwards).cast("int64"),
        tls_keys=counts["keys"].sum().over(ibis.window()).cast("int64"),
        hosts_share=pairs_here / pairs_here.sum().over(ibis.window()),
    )
    return rows.mutate(
        share=share(rows["keys"], rows.tls_keys), at_least_share=share(rows.keys_at_least, rows.tls_keys)
    ).order_by("hosts")
