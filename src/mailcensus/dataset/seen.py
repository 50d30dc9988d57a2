"""What a table holds already, by one column that names its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_files


def values_of(directory: Path, column: str, run_id: str | None = None) -> Iterator[str]:
    """All values of a string column of a table, of one run or of all."""
    wanted = [column] if run_id is None else [column, "run_id"]
    for file in visible_files(directory):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(columns=wanted):
                kept = batch if run_id is None else batch.filter(pc.equal(batch["run_id"], run_id))
                yield from kept[column].to_pylist()


def exchange_addresses_of(data: Path, run_id: str) -> Iterator[str]:
    """Every address of the mail exchanges of a run's domains."""
    for file in visible_files(data / "mx"):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(columns=["addresses", "run_id"]):
                kept = batch.filter(pc.equal(batch["run_id"], run_id))
                yield from pc.list_flatten(kept["addresses"]).to_pylist()


def hits_of(data: Path, run_id: str) -> Iterator[tuple[str, int, bool]]:
    """Address and port of all hits of a run, and whether it is a canary's."""
    for file in visible_files(data / "hits"):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(columns=["ip", "port", "canary", "run_id"]):
                kept = batch.filter(pc.equal(batch["run_id"], run_id))
                columns = (kept[name].to_pylist() for name in ("ip", "port", "canary"))
                yield from zip(*columns, strict=True)


def noise_of(data: Path, run_id: str) -> Iterator[tuple[str, int, bool, bool | None]]:
    """Address and port of everybody asked on noise ports in a run, whether it was sampled, and whether it answered."""
    for file in visible_files(data / "noise"):
        with pq.ParquetFile(file) as source:
            for batch in source.iter_batches(columns=["ip", "port", "sampled", "answered", "run_id"]):
                kept = batch.filter(pc.equal(batch["run_id"], run_id))
                columns = (kept[name].to_pylist() for name in ("ip", "port", "sampled", "answered"))
                yield from zip(*columns, strict=True)
