"""Re-use between addresses, between machines and between operators.

One machine with several addresses shows its keys on each of them, and one operator may put one key on many
machines on purpose. So re-use is counted three times: a key counts as shared only where two different units of
the level show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.machines import machine_of_hosts
from mailcensus.model import Column

LEVELS = ("address", "machine", "operator")
"""Address: the host. Machine: inferred, see `machines`. Operator: the AS that announces the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """Re-use of keys between the units of one level."""

    level: Annotated[str, Column("address, machine (inferred) or operator (AS)")]
    units_sharing: Annotated[int, Column("units that show a key which another unit shows: HARK of the level")]
    units_showing: Annotated[int, Column("units that show any key")]
    share: Annotated[float | None, Column("units_sharing / units_showing")]
    hosts_sharing: Annotated[int, Column("hosts that show a key which a host of another unit shows")]
    hosts_showing: Annotated[int, Column("hosts that show any key and whose unit is known")]
    hosts_share: Annotated[float | None, Column("hosts_sharing / hosts_showing")]
    hosts_unknown: Annotated[
        int, Column("hosts that show a key and whose unit is not known; counted nowhere")
    ]
    keys_shared: Annotated[int, Column("keys that two or more units show")]
    keys: Annotated[int, Column("keys that units show")]
    keys_share: Annotated[float | None, Column("keys_shared / keys")]
    clusters_across: Annotated[int, Column("clusters with hosts of two or more units")]


def levels(evidence: Evidence) -> ibis.Table:
    """HARK at address, machine and operator level.

    Returns:
        One row per level. Denominators are of the hosts whose unit is known: every host has an address and a
        machine, its AS is known only where the AS data knows it.
    Source: table `hosts` for AS, `machines` for machines.
    """
    hosts, facts = evidence.hosts, evidence.host_facts
    units = (
        hosts.select("host", unit=hosts.host.cast("int64")),
        machine_of_hosts(evidence).select("host", unit="machine"),
        facts.filter(facts.asn.notnull()).select("host", unit="asn"),
    )
    rows = [_level(evidence, place, units[place]) for place in range(len(LEVELS))]
    return ibis.union(*rows).order_by("place")


def _level(evidence: Evidence, place: int, units: ibis.Table) -> ibis.Table:
    row = _showing(evidence, units).cross_join(_sharing(evidence, units), _across(evidence, units))
    return row.mutate(
        place=place,
        level=ibis.literal(LEVELS[place]),
        share=row.units_sharing / row.units_showing.nullif(0),
        hosts_share=row.hosts_sharing / row.hosts_showing.nullif(0),
        keys_share=row.keys_shared / row["keys"].nullif(0),
    )


def _showing(evidence: Evidence, units: ibis.Table) -> ibis.Table:
    hosts = evidence.showing_hosts.left_join(units, "host")
    placed = hosts.aggregate(
        units_showing=hosts.unit.nunique(),
        hosts_showing=hosts.unit.count(),
        hosts_unknown=hosts.unit.isnull().sum().fill_null(0),
    )
    return placed.cross_join(_keys(evidence, units))


def _keys(evidence: Evidence, units: ibis.Table) -> ibis.Table:
    """Keys that hosts show whose unit is known: all but those that only the others show, who are few."""
    shown = evidence.showings
    others = shown.semi_join(evidence.showing_hosts.anti_join(units, "host"), "host")
    hosts = others.group_by("key").agg(others=others.count())
    only = hosts.join(evidence.shown_keys, "key").filter(ibis._.others == ibis._.hosts)
    whole = evidence.shown_keys.aggregate(whole=evidence.shown_keys.count())
    return whole.cross_join(only.aggregate(only=only.count())).select(keys=ibis._.whole - ibis._.only)


def _sharing(evidence: Evidence, units: ibis.Table) -> ibis.Table:
    """Only keys that two hosts show can be shown by two units."""
    links = evidence.links.select("host", "key").join(units, "host")
    keys = links.group_by("key").agg(least=links.unit.min(), most=links.unit.max())
    keys = keys.filter(keys.least < keys.most)
    sharing = links.semi_join(keys, "key")
    counted = sharing.aggregate(units_sharing=sharing.unit.nunique(), hosts_sharing=sharing.host.nunique())
    return counted.cross_join(keys.aggregate(keys_shared=keys.count()))


def _across(evidence: Evidence, units: ibis.Table) -> ibis.Table:
    members = evidence.cluster_members.select("host", "cluster").join(units, "host")
    clusters = members.group_by("cluster").agg(least=members.unit.min(), most=members.unit.max())
    return clusters.aggregate(clusters_across=(clusters.least < clusters.most).sum().fill_null(0))
