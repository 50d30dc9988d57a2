"""Names in invalid certificates, and certificates in many systems: tables V and VI of "TLS in the Wild"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, in_order, share
from mailcensus.analysis.posture.leaves import leaf_hosts, leaves
from mailcensus.model import Column

NAMES_MAX = 20
"""Names that are shown for a service."""
CERTIFICATES_MAX = 20
SYSTEMS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidNameRow:
    """One common name of invalid leafs on one service."""

    service: Annotated[str, Column("row of the services table; all: every service, each leaf once")]
    port: Annotated[int | None, Column("its standard port")]
    rank: Annotated[int, Column("1 is the most frequent on this service")]
    common_name: Annotated[str | None, Column("common name; null: the leaf has none")]
    certificates: Annotated[int, Column("different leafs with it that the main root store never finds valid")]
    invalid: Annotated[int, Column("different leafs on this service that it never finds valid")]
    share: Annotated[float | None, Column("certificates / invalid")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikingCertificateRow:
    """One leaf that is invalid or self-signed and shown in many autonomous systems."""

    rank: Annotated[int, Column("1 is shown in most systems")]
    certificate_sha256: Annotated[str, Column("SHA-256 of the certificate, hex")]
    common_name: Annotated[str | None, Column("its common name")]
    ases: Annotated[int, Column("autonomous systems in which hosts show it")]
    hosts: Annotated[int, Column("hosts that show it")]
    as_unknown: Annotated[int, Column("of hosts: their system is not known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikingSystemRow:
    """One autonomous system in which the most striking leaf is shown."""

    rank: Annotated[int, Column("1 has most hosts with it")]
    certificate_sha256: Annotated[str, Column("the leaf: rank 1 of striking_certificates")]
    asn: Annotated[int | None, Column("autonomous system; null: not known")]
    as_org: Annotated[str | None, Column("who runs it")]
    hosts: Annotated[int, Column("hosts in it that show the leaf")]
    hosts_showing: Annotated[int, Column("all hosts that show it")]
    share: Annotated[float, Column("hosts / hosts_showing")]


def invalid_names(evidence: Evidence) -> ibis.Table:
    """Table V: common names most frequent in invalid certificates.

    Returns:
        The NAMES_MAX most frequent of each service; `certificates` out of `invalid`.
    """
    shown = leaves(evidence)
    invalid = shown.filter(~shown.valid).select("certificate", "mask")
    names = evidence.certificates.select("certificate", "common_name")
    named = invalid.join(names, "certificate")
    alike = named.group_by("mask", "common_name").agg(certificates=named.count())
    each = and_all(evidence, alike, "common_name")
    of_service = ibis.window(group_by="service")
    ranked = ibis.window(group_by="service", order_by=[ibis.desc("certificates"), "common_name"])
    rows = each.mutate(
        invalid=each.certificates.sum().over(of_service).cast("int64"),
        rank=ibis.row_number().over(ranked) + 1,
    )
    rows = rows.filter(rows["rank"] <= NAMES_MAX)
    return in_order(rows.mutate(share=share(rows.certificates, rows.invalid)), "rank")


def striking_certificates(evidence: Evidence) -> ibis.Table:
    """Invalid or self-signed leafs by the autonomous systems in which they are shown.

    Returns:
        The CERTIFICATES_MAX in most systems, of those that two or more hosts show.
    """
    return evidence.once("striking_certificates", lambda: _striking(evidence))


def striking_systems(evidence: Evidence) -> ibis.Table:
    """Table VI: the systems of the leaf that is in most of them.

    Returns:
        As `systems_of` that leaf; no row where there is none.
    """
    first = striking_certificates(evidence).filter(ibis._["rank"] == 1).to_pyarrow()
    return systems_of(evidence, first["certificate_sha256"][0].as_py() if len(first) else "")


def systems_of(evidence: Evidence, certificate_sha256: str) -> ibis.Table:
    """The systems in which hosts show one certificate as a leaf, ranked by these hosts.

    Args:
        certificate_sha256: hex; of a certificate that nobody shows there are no rows.
    Returns:
        The SYSTEMS_MAX with most hosts; `hosts` out of `hosts_showing`.
    """
    names = evidence.certificates.select("certificate", "certificate_sha256")
    named = names.filter(names.certificate_sha256 == certificate_sha256).distinct()
    hosts = leaf_hosts(evidence).join(named, "certificate").join(evidence.host_facts, "host")
    counts = hosts.group_by("certificate_sha256", "asn").agg(hosts=hosts.count(), as_org=hosts.as_org.max())
    ranked = ibis.window(order_by=[ibis.desc("hosts"), counts.asn.isnull(), "asn"])
    rows = counts.mutate(
        hosts_showing=counts.hosts.sum().over(ibis.window()).cast("int64"),
        rank=ibis.row_number().over(ranked) + 1,
    )
    rows = rows.mutate(share=share(rows.hosts, rows.hosts_showing))
    return rows.order_by("rank").limit(SYSTEMS_MAX)


def _striking(evidence: Evidence) -> ibis.Table:
    shown = leaves(evidence)
    suspect = (~shown.valid).fill_null(False) | shown.self_signed.fill_null(False)
    suspects = shown.filter(suspect & (shown.hosts > 1)).select("certificate")
    hosts = leaf_hosts(evidence).join(suspects, "certificate")
    hosts = hosts.join(evidence.host_facts.select("host", "asn"), "host")
    counts = hosts.group_by("certificate").agg(
        ases=hosts.asn.nunique(), hosts=hosts.count(), as_unknown=hosts.asn.isnull().sum().cast("int64")
    )
    names = evidence.certificates.select("certificate", "certificate_sha256", "common_name")
    most = [ibis.desc("ases"), ibis.desc("hosts"), "certificate_sha256"]
    rows = counts.join(names, "certificate")
    rows = rows.mutate(rank=ibis.row_number().over(ibis.window(order_by=most)) + 1)
    first = rows.filter(rows["rank"] <= CERTIFICATES_MAX)
    return evidence.dataset.put("striking", first).order_by("rank")
