"""All analyses of a dataset."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset


def analyse(dataset: Dataset) -> dict[str, pa.Table]:
    """Every table of the catalogue, for the newest run; empty tables and zero counts where nothing was found."""
    with _no_search_for_garbage():
        evidence = gather(dataset)
        return {spec.name: rows_of(spec, evidence) for spec in TABLES}


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Python's collector looks through all there is again and again while queries are translated.

    That is an eighth of an analysis of little; what it would find in the meantime is some 60 MB.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
