"""All analyses of a dataset."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.machines import machine_of_hosts
from mailcensus.analysis.table_spec import TableSpec, rows_of
from mailcensus.dataset.tables import Dataset


def analyse(dataset: Dataset) -> dict[str, pa.Table]:
    """Every table of the catalogue, for the newest run; empty tables and zero counts where nothing was found."""
    with no_search_for_garbage():
        return tables_of(gather(dataset), TABLES)


def tables_of(evidence: Evidence, specs: Sequence[TableSpec]) -> dict[str, pa.Table]:
    """Some tables, as many at once as the dataset takes questions: while one is put into SQL, another is answered."""
    asks = [partial(rows_of, spec, evidence=evidence) for spec in specs]
    if evidence.dataset.at_once > 1:
        # One core is busy with machines for long, and tables wait for them from early on.
        asks.insert(0, partial(machine_of_hosts, evidence))
    made = evidence.dataset.together(*asks)[-len(specs) :]
    return {spec.name: table for spec, table in zip(specs, made, strict=True)}


@contextmanager
def no_search_for_garbage() -> Iterator[None]:
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
