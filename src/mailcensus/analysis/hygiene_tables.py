"""Tables of the hygiene index: hosts, its distribution, its flaws, and whom to write to first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.hygiene import FLAWS, Flaw, hygiene_hosts
from mailcensus.analysis.posture.by_service import share
from mailcensus.model import Column
from mailcensus.wire.tls.codes import TLS_1_0

GROUPS = ("all", "clustered", "alone")
_Group = Annotated[
    str, Column("all: every host with TLS; clustered: shares a key with another; alone: does not")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HygieneRow:
    """Hosts with one value of the index."""

    group: _Group
    hygiene: Annotated[int | None, Column("the index: flaws of six; null: one or more of them are unknown")]
    hosts: Annotated[int, Column("hosts with it")]
    known: Annotated[int, Column("hosts of the group whose index is known")]
    share: Annotated[float | None, Column("hosts / known; null for those that are unknown")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawRow:
    """One flaw of the index."""

    group: _Group
    flaw: Annotated[Flaw, Column("what is counted, see docs/explanation/hygiene.md")]
    hosts: Annotated[int, Column("hosts of which any TLS service shows it")]
    known: Annotated[int, Column("hosts of the group of which it is known whether any does")]
    share: Annotated[float | None, Column("hosts / known")]
    unknown: Annotated[int, Column("other hosts of the group with TLS")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityRow:
    """One host with flaws, the worst first."""

    priority: Annotated[int, Column("1: RC4, or SSL; 2: old TLS or no forward secrecy; 3: expired or untrusted; "
                                    "4: self-signed")]  # fmt: skip
    ip: Annotated[str, Column("the host's address")]
    reasons: Annotated[str, Column("its flaws, with commas")]
    flaws: Annotated[int, Column("how many were seen; a lower bound while any are unknown")]
    unknown: Annotated[int, Column("flaws of which it is unknown")]
    hygiene: Annotated[int | None, Column("the index; null: a flaw is unknown")]
    oldest: Annotated[int, Column("oldest version taken, as on the wire (0x0300 is SSL 3.0)")]
    services: Annotated[int, Column("its services with TLS")]
    clustered: Annotated[bool, Column("it shares a key with another host")]
    asn: Annotated[int | None, Column("its autonomous system; null: unknown")]
    as_org: Annotated[str | None, Column("who runs that")]


def hygiene(evidence: Evidence) -> ibis.Table:
    """The index's distribution, in and out of clusters.

    Returns:
        One row per group and value; `hosts` out of `known`, the unknown apart.
    """
    each = _in_groups(evidence)
    counts = each.group_by("place", "group", "hygiene").agg(hosts=each.hosts.sum().cast("int64"))
    known = counts.group_by("place").agg(
        known=counts.hosts.sum(where=counts.hygiene.notnull()).fill_null(0).cast("int64")
    )
    rows = counts.join(known, "place")
    rows = rows.mutate(
        share=rows.hygiene.notnull().ifelse(share(rows.hosts, rows.known), ibis.null("float64"))
    )
    return rows.order_by("place", rows.hygiene.isnull(), "hygiene")


def hygiene_flaws(evidence: Evidence) -> ibis.Table:
    """Each flaw, in and out of clusters.

    Returns:
        One row per group and flaw; `hosts` out of `known`.
    """
    each = _in_groups(evidence)
    rows = ibis.union(*(_flaw(each, place, flaw) for place, flaw in enumerate(FLAWS)))
    return rows.mutate(share=share(rows.hosts, rows.known)).order_by("place", "number")


def hygiene_priorities(evidence: Evidence) -> ibis.Table:
    """Whom to write to: every host with a flaw that was seen.

    Returns:
        One row per host, by priority, then by number of flaws, then by address.
    """
    rows = hygiene_hosts(evidence).filter(ibis._.flaws > 0)
    rows = rows.join(evidence.hosts.select("host", "ip"), "host").join(
        evidence.host_facts.select("host", "asn", "as_org"), "host"
    )
    members = evidence.cluster_members.select(member="host")
    rows = rows.left_join(members, rows.host == members.member)
    reasons = [rows[flaw].fill_null(False).ifelse(flaw, ibis.null("string")) for flaw in FLAWS]
    rows = rows.mutate(
        clustered=rows.member.notnull(), reasons=ibis.literal(",").join(reasons), priority=_priority(rows)
    )
    return rows.order_by("priority", ibis.desc("flaws"), "host")


def _priority(rows: ibis.Table) -> ibis.Value:
    return ibis.cases(
        ((rows.oldest < TLS_1_0) | rows.rc4.fill_null(False), 1),
        (rows.legacy_tls.fill_null(False) | rows.no_forward_secrecy.fill_null(False), 2),
        (rows.expired.fill_null(False) | rows.untrusted.fill_null(False), 3),
        else_=4,
    )


def _in_groups(evidence: Evidence) -> ibis.Table:
    """Hosts alike, once for each group they are in: place, group, flaws, hygiene, hosts. Held."""

    def made() -> ibis.Table:
        rows = hygiene_hosts(evidence)
        members = evidence.cluster_members.select(member="host")
        rows = rows.left_join(members, rows.host == members.member)
        rows = rows.mutate(clustered=rows.member.notnull())
        alike = rows.group_by("clustered", "hygiene", *FLAWS).agg(hosts=rows.count())
        kept = (ibis.literal(True), alike.clustered, ~alike.clustered)
        each = [
            alike.filter(where).mutate(place=ibis.literal(place, "int8"), group=ibis.literal(GROUPS[place]))
            for place, where in enumerate(kept)
        ]
        return evidence.dataset.put("hygiene_groups", ibis.union(*each))

    return evidence.once("hygiene_groups", made)


def _flaw(each: ibis.Table, number: int, flaw: str) -> ibis.Table:
    def hosts(where: ibis.Value) -> ibis.Value:
        return each.hosts.sum(where=where).fill_null(0).cast("int64")

    found = each[flaw]
    rows = each.group_by("place", "group").agg(
        hosts=hosts(found.fill_null(False)), known=hosts(found.notnull()), unknown=hosts(found.isnull())
    )
    return rows.mutate(number=ibis.literal(number, "int8"), flaw=ibis.literal(flaw))
