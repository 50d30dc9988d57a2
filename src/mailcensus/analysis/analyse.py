"""All analyses of a dataset."""

from __future__ import annotations

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES, TableSpec
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.dataset.tables import Dataset
from mailcensus.model import schema_of


def analyse(dataset: Dataset) -> dict[str, pa.Table]:
    """Every table of the catalogue, for the newest run; empty tables and zero counts where nothing was found."""
    evidence = gather(dataset)
    return {spec.name: rows_of(spec, evidence) for spec in TABLES}


def rows_of(spec: TableSpec, evidence: Evidence) -> pa.Table:
    """One table of the catalogue, with exactly the columns and types it declares."""
    schema = schema_of(spec.row)
    return spec.function(evidence).select(*schema.names).to_pyarrow().cast(schema)
