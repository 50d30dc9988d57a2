"""All analyses of a dataset."""

from __future__ import annotations

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset


def analyse(dataset: Dataset) -> dict[str, pa.Table]:
    """Every table of the catalogue, for the newest run; empty tables and zero counts where nothing was found."""
    evidence = gather(dataset)
    return {spec.name: rows_of(spec, evidence) for spec in TABLES}
