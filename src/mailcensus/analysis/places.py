"""Where the hosts of clusters are: machines, ASes, countries."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.machines import machine_of_hosts


def member_places(evidence: Evidence) -> ibis.Table:
    """One row per host in a cluster: host, cluster, machine, asn, country; null where not known."""
    return evidence.once("member_places", lambda: _member_places(evidence))


def _member_places(evidence: Evidence) -> ibis.Table:
    members = evidence.cluster_members.select("host", "cluster")
    placed = members.join(machine_of_hosts(evidence), "host").join(evidence.host_facts, "host")
    return evidence.dataset.put(
        "member_places", placed.select("host", "cluster", "machine", "asn", "country")
    )


def spread(rows: ibis.Table, by: str) -> ibis.Table:
    """How far hosts spread.

    Args:
        rows: different hosts of each group, with machine, asn and country.
        by: the column that names the group.
    Returns:
        <by>, machines, ases, as_unknown, countries (in order).
    """
    return rows.group_by(by).agg(
        machines=rows.machine.nunique(),
        ases=rows.asn.nunique(),
        as_unknown=rows.asn.isnull().sum(),
        countries=rows.country.collect(distinct=True).sort(),
    )
