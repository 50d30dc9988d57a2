"""What a study found, as plain data that a lab's truth can be held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import pyarrow as pa

from mailcensus.dataset.run import read_run
from mailcensus.dataset.seen import values_of
from mailcensus.lab.verdict import Found
from mailcensus.study import Study


def findings_of(study: Study, tables: Mapping[str, pa.Table]) -> Found:
    """The findings of a study's current run.

    Args:
        tables: its analysis, by the names of `analysis.catalogue`.
    """
    run = read_run(study.data)
    hits = values_of(study.data / "hits", "ip", run.run_id) if run is not None else ()
    summary = {row["name"]: row["value"] for row in tables["summary"].to_pylist()}
    return Found(
        responding=frozenset(hits),
        clusters=frozenset(_members(tables["cluster_hosts"], "cluster").values()),
        cross_protocol=frozenset(
            (row["ip"], frozenset(row["services"]) - {"ssh"})
            for row in tables["cross_protocol_hosts"].to_pylist()
        ),
        hark_hosts=summary["hosts_sharing"],
        key_hosts=summary["hosts_with_key"],
        outcomes=_outcomes(tables["outcomes"]),
        machines=frozenset(_members(tables["machine_hosts"], "machine").values()),
        readings=_readings(tables),
    )


def _members(table: pa.Table, what: str) -> dict[int, frozenset[str]]:
    """Addresses by number of cluster or machine."""
    members: defaultdict[int, set[str]] = defaultdict(set)
    for row in table.to_pylist():
        members[row[what]].add(row["ip"])
    return {number: frozenset(ips) for number, ips in members.items()}


def _readings(tables: Mapping[str, pa.Table]) -> dict[frozenset[str], str]:
    """Cluster to why its hosts share keys."""
    members = _members(tables["cluster_hosts"], "cluster")
    return {members[row["cluster"]]: row["reading"] for row in tables["cluster_causes"].to_pylist()}


def _outcomes(table: pa.Table) -> dict[str, Counter[str]]:
    """Service to outcome to grabs, over all stages they ended in."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in table.to_pylist():
        counts[row["service"]][row["outcome"]] += row["grabs"]
    return dict(counts)
