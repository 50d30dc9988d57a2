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
        clusters=_clusters(tables["cluster_hosts"]),
        cross_protocol=frozenset(
            (row["ip"], frozenset(row["services"]) - {"ssh"})
            for row in tables["cross_protocol_hosts"].to_pylist()
        ),
        hark_hosts=summary["hosts_sharing"],
        key_hosts=summary["hosts_with_key"],
        outcomes=_outcomes(tables["outcomes"]),
    )


def _clusters(table: pa.Table) -> frozenset[frozenset[str]]:
    members: defaultdict[int, set[str]] = defaultdict(set)
    for row in table.to_pylist():
        members[row["cluster"]].add(row["ip"])
    return frozenset(map(frozenset, members.values()))


def _outcomes(table: pa.Table) -> dict[str, Counter[str]]:
    """Service to outcome to grabs, over all stages they ended in."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in table.to_pylist():
        counts[row["service"]][row["outcome"]] += row["grabs"]
    return dict(counts)
