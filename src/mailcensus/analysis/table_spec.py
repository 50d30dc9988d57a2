"""What the catalogue says of a table; chapters that keep their own list of tables read it from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.memory import on_disk_if_large
from mailcensus.model import schema_of


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table of the analysis, as the report shows it."""

    name: str
    title: str
    caption: str
    """One or two sentences: what a row is, and what shares are shares of."""
    row: type
    """Row declaration: `fields_of(row)` gives columns and their meaning, `schema_of(row)` the Arrow schema."""
    function: Callable[[Evidence], ibis.Table]
    """Makes the rows, in the order in which they are shown."""
    source: str | None = None
    """Table of the dataset without which this one has no rows: then nobody works it out."""


def rows_of(spec: TableSpec, evidence: Evidence) -> pa.Table:
    """One table, with exactly the columns and types it declares; worked out once for each evidence."""
    schema = schema_of(spec.row)

    def work_out() -> pa.Table:
        if spec.source is not None and not evidence.dataset.has(spec.source):
            return schema.empty_table()
        found = evidence.dataset.rows(spec.function(evidence).select(*schema.names)).cast(schema)
        return on_disk_if_large(found, evidence.dataset.data)

    return evidence.once(f"rows of {spec.name}", work_out)
