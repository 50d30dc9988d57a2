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
from mailcensus.analysis.places import member_places
from mailcensus.model import Column

LEVELS = {"address": "host", "machine": "machine", "operator": "asn"}
"""Level to the column that numbers its units. Machine: inferred, see `machines`. Operator: the AS that announces the
address."""

_SHARED = {unit: f"shared_{unit}" for unit in ("machine", "asn")}
"""Unit to the column that says that two of these units show a key, or are in a cluster."""
_OF_LINKS = ("units_sharing", "hosts_sharing", "keys_shared")
_OF_HOSTS = ("units_showing", "hosts_showing", "hosts_unknown")


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
    counted = evidence.dataset.put("levels_counted", _counted(evidence))
    columns = (*_OF_LINKS, *_OF_HOSTS, "keys", "clusters_across")
    rows = [
        counted.select(
            place=ibis.literal(place),
            level=ibis.literal(level),
            **{column: counted[f"{column}_{unit}"] for column in columns},
        )
        for place, (level, unit) in enumerate(LEVELS.items())
    ]
    table = ibis.union(*rows)
    return table.mutate(
        share=table.units_sharing / table.units_showing.nullif(0),
        hosts_share=table.hosts_sharing / table.hosts_showing.nullif(0),
        keys_share=table.keys_shared / table["keys"].nullif(0),
    ).order_by("place")


def _counted(evidence: Evidence) -> ibis.Table:
    """One row, with every column of every level as <column>_<unit>: hosts and links are joined once for all."""
    members = member_places(evidence)
    return _by_address(evidence).cross_join(
        _sharing(evidence, members), _across(members), _by_machine(evidence, members), _by_as(evidence)
    )


def _by_address(evidence: Evidence) -> ibis.Table:
    """Every column. A host has one address: links and clusters are between addresses as they are."""
    hosts, keys, shared = evidence.showing_hosts, evidence.shown_keys, evidence.cluster_keys
    members = evidence.cluster_members
    row = hosts.aggregate(showing=hosts.count()).cross_join(
        members.aggregate(sharing=members.count(), across=members.cluster.max()),
        keys.aggregate(keys=keys.count()),
        shared.aggregate(shared=shared.count()),
    )
    return row.select(
        units_sharing_host="sharing", hosts_sharing_host="sharing", keys_shared_host="shared",
        units_showing_host="showing", hosts_showing_host="showing", hosts_unknown_host=ibis.literal(0, "int64"),
        keys_host="keys", clusters_across_host=row.across.fill_null(0),
    )  # fmt: skip


def _sharing(evidence: Evidence, members: ibis.Table) -> ibis.Table:
    """_OF_LINKS. Only keys that two hosts show can be shown by two units."""
    links = evidence.links.select("host", "key").join(members.select("host", *_SHARED), "host")
    links = evidence.dataset.put("units_of_links", links)
    keys = links.group_by("key").agg(
        **{name: links[unit].min() < links[unit].max() for unit, name in _SHARED.items()}
    )
    keys = evidence.dataset.put("keys_of_levels", keys)
    each = links.select("host", "key").join(keys, "key")
    hosts = each.group_by("host").agg(**{name: each[name].any() for name in _SHARED.values()})
    hosts = hosts.join(members.select("host", *_SHARED), "host")
    counts = {}
    for unit, name in _SHARED.items():
        known = hosts[name] & hosts[unit].notnull()
        counts[f"units_sharing_{unit}"] = hosts[unit].nunique(where=known)
        counts[f"hosts_sharing_{unit}"] = _true(known)
    shared = {f"keys_{name}": _true(keys[name]) for name in _SHARED.values()}
    return hosts.aggregate(**counts).cross_join(keys.aggregate(**shared))


def _across(members: ibis.Table) -> ibis.Table:
    """clusters_across. Of a host whose unit is not known nothing is said."""
    clusters = members.group_by("cluster").agg(
        **{name: members[unit].min() < members[unit].max() for unit, name in _SHARED.items()}
    )
    return clusters.aggregate(
        **{f"clusters_across_{unit}": _true(clusters[name]) for unit, name in _SHARED.items()}
    )


def _true(flags: ibis.Value) -> ibis.Value:
    return flags.sum().fill_null(0)


def _by_machine(evidence: Evidence, members: ibis.Table) -> ibis.Table:
    """_OF_HOSTS and keys. A host outside clusters is a machine by itself."""
    hosts, keys = evidence.showing_hosts, evidence.shown_keys
    row = hosts.aggregate(showing=hosts.count()).cross_join(
        members.aggregate(too_many=members.count() - members.machine.nunique()),
        keys.aggregate(keys=keys.count()),
    )
    return row.select(
        units_showing_machine=row.showing - row.too_many, hosts_showing_machine="showing",
        hosts_unknown_machine=ibis.literal(0, "int64"), keys_machine="keys",
    )  # fmt: skip


def _by_as(evidence: Evidence) -> ibis.Table:
    """_OF_HOSTS and keys, of the hosts whose AS is known."""
    hosts = evidence.showing_hosts.left_join(evidence.host_facts.select("host", "asn"), "host")
    placed = hosts.aggregate(
        units_showing_asn=hosts.asn.nunique(),
        hosts_showing_asn=hosts.asn.count(),
        hosts_unknown_asn=_true(hosts.asn.isnull()),
    )
    return placed.cross_join(_keys(evidence))


def _keys(evidence: Evidence) -> ibis.Table:
    """Keys that hosts show whose AS is known: all but those that only the others show, who are few."""
    unknown = evidence.host_facts.filter(evidence.host_facts.asn.isnull())
    others = evidence.showings.semi_join(unknown, "host")
    hosts = others.group_by("key").agg(others=others.count())
    only = hosts.join(evidence.shown_keys, "key").filter(ibis._.others == ibis._.hosts)
    whole = evidence.shown_keys.aggregate(whole=evidence.shown_keys.count())
    return whole.cross_join(only.aggregate(only=only.count())).select(keys_asn=ibis._.whole - ibis._.only)
