"""A table of a comparison: what it is called, what a row is, and the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from mailcensus.analysis.diff_rows import SnapshotRow
from mailcensus.analysis.side_by_side import SideBySide
from mailcensus.model import schema_of


@dataclass(frozen=True, slots=True)
class ComparisonSpec:
    """One table of a comparison, as its page shows it."""

    name: str
    title: str
    caption: str
    row: type
    """Row declaration: `fields_of(row)` gives columns and their meaning, `schema_of(row)` the Arrow schema."""
    make: Callable[[SideBySide], pa.Table]
    """The rows, in the order in which they are shown."""


def by_query(name: str, title: str, caption: str, row: type, query: str) -> ComparisonSpec:
    """A table that one query makes."""
    return ComparisonSpec(name, title, caption, row, lambda sides: sides.rows(row, query))


_COUNTS = """
SELECT (SELECT count(*) FROM asked WHERE run = $run) AS hosts,
    (SELECT count(DISTINCT host) FROM shown WHERE run = $run) AS hosts_with_keys,
    (SELECT count(DISTINCT key) FROM shown WHERE run = $run) AS keys,
    (SELECT count(DISTINCT cluster) FROM members WHERE run = $run) AS clusters,
    (SELECT count(*) FROM members WHERE run = $run) AS hosts_in_clusters
"""


def snapshots_table(sides: SideBySide) -> pa.Table:
    """The runs that are compared, a row each."""
    rows = []
    for run, snapshot in enumerate(sides.snapshots):
        (counts,) = sides.table(_COUNTS, run=run).to_pylist()
        population = snapshot.swept.population
        rows.append(
            {
                "label": snapshot.label,
                "run_id": snapshot.run_id,
                "began_at": snapshot.began_at,
                "ended_at": snapshot.ended_at,
                "services": list(snapshot.services),
                **counts,
                "population": None if population is None else len(population),
                "remark": snapshot.swept.reason,
            }
        )
    return pa.Table.from_pylist(rows, schema_of(SnapshotRow))


SNAPSHOTS = ComparisonSpec(
    "runs",
    "The runs",
    "One row per run compared. Clusters are those of each run by itself.",
    SnapshotRow,
    snapshots_table,
)
