"""Every table of the analysis, worked out by each engine: equal to DuckDB's, and what it takes beside it.

    PYTHONPATH=tests python -m bench.backends [--hosts N] [--only ENGINE ...] [STUDY ...]

Studies are directories of studies that were collected; `--hosts` writes a synthetic population besides. Each engine
(duckdb, postgresql, clickhouse, spark) runs in a process of its own; its CPU is that of this process and of the
server's. Ends with 1 where a table differs: all columns must be the same in the same order, fractions but for their
last digits.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.synthetic_study import write_population
from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.engines.choice import DUCKDB, on_engine
from mailcensus.dataset.tables import Dataset
from realservers.clickhouse import clickhouse_is_there, clickhouse_server
from realservers.postgres import postgres_programs, postgres_server

ENGINES = (DUCKDB, "postgresql", "clickhouse", "spark")


@dataclass(frozen=True)
class Taken:
    """What all tables took, the engine's start and end included."""

    wall_s: float
    cpu_s: float


def measure(data: Path, backend: str, folder: Path) -> Taken:
    """Work out all tables and write them; runs in a child."""
    warnings.simplefilter("ignore")
    began, server_s = time.perf_counter(), 0.0
    with on_engine(Dataset(data), backend) as dataset:
        tables = analyse(dataset)
        if backend.startswith("postgresql"):
            ((pid,),) = dataset.connection.con.execute("SELECT pg_backend_pid()").fetchall()
            server_s = _cpu_of(pid)
    wall_s = time.perf_counter() - began
    ours, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    used = (ours.ru_utime, ours.ru_stime, children.ru_utime, children.ru_stime)
    return Taken(wall_s, math.fsum(used) + server_s)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def differing(ours: Path, theirs: Path) -> list[str]:
    """The tables of two folders that are not the same."""
    names = [spec.name for spec in TABLES]
    return [
        name for name in names if not _same(*(pq.read_table(d / f"{name}.parquet") for d in (ours, theirs)))
    ]


def _same(ours: pa.Table, theirs: pa.Table) -> bool:
    if not ours.schema.equals(theirs.schema) or len(ours) != len(theirs):
        return False
    return all(
        all(map(_alike, ours[name].to_pylist(), theirs[name].to_pylist())) for name in ours.column_names
    )


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
    return bool(ours == theirs)


@contextmanager
def _server(engine: str) -> Iterator[tuple[str, int | None]]:
    """Its URL, and its process where `measure` cannot know it."""
    if engine == "postgresql":
        with postgres_server() as url:
            yield url, None
    elif engine == "clickhouse":
        with clickhouse_server() as server:
            yield server.url, server.pid
    else:
        yield engine, None


def _there(engine: str) -> bool:
    if engine == "postgresql":
        return postgres_programs() is not None
    if engine == "clickhouse":
        return clickhouse_is_there()
    return engine != "spark" or shutil.which("java") is not None


def compare(label: str, data: Path, engines: list[str]) -> bool:
    """Print one line an engine; whether all of them have made the same tables."""
    same = True
    with tempfile.TemporaryDirectory() as folder:
        taken: dict[str, Taken] = {}
        for engine in engines:
            made = Path(folder, engine)
            made.mkdir()
            with _server(engine) as (url, pid):
                command = [sys.executable, "-m", "bench.backends", "--measure", str(data), url, str(made)]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                one = Taken(**json.loads(said))
                if pid is not None:
                    one = replace(one, cpu_s=one.cpu_s + _cpu_of(pid))
            taken[engine] = one
            other = differing(Path(folder, DUCKDB), made)
            same = same and not other
            first = taken[DUCKDB]
            print(
                f"{label}, {engine}: {one.wall_s:.1f} s on the clock (x{one.wall_s / first.wall_s:.1f}), "
                f"{one.cpu_s:.1f} s of CPU (x{one.cpu_s / first.cpu_s:.1f}), "
                + (f"differ: {', '.join(other)}" if other else f"all {len(TABLES)} tables equal"),
                flush=True,
            )
    return same


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="*", type=Path)
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--only", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="ENGINE")
    told = parser.parse_args()
    engines = [DUCKDB, *(name for name in ENGINES[1:] if name in told.only and _there(name))]
    same = [compare(study.name, study / "data", engines) for study in told.studies]
    if told.hosts:
        with tempfile.TemporaryDirectory() as folder:
            write_population(Path(folder), told.hosts)
            same.append(compare(f"{told.hosts:,} hosts", Path(folder), engines))
    return 0 if all(same) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(asdict(measure(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))))
    else:
        sys.exit(main())
