"""From Parquet to all analysis tables on synthetic populations: time and memory, beside a naive pairwise count.

    python -m bench.analysis [HOSTS ...]        (100000 and 1000000 unless told)

Each size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from itertools import combinations
from pathlib import Path

from bench.synthetic_study import write_population
from mailcensus.analysis.analyse import analyse, write_tables
from mailcensus.dataset.tables import Dataset

SIZES = (100_000, 1_000_000)
NAIVE_HOSTS = 2_000


def _measure(data: Path) -> None:
    """Runs in a child: prints seconds, CPU seconds, seconds of writing, peak MB."""
    warnings.simplefilter("ignore")
    started, cpu = time.perf_counter(), time.process_time()
    tables = analyse(Dataset(data))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    started = time.perf_counter()
    write_tables(tables, data / "analysis")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(wall, cpu, time.perf_counter() - started, peak_mb)


def _in_child(data: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.analysis", "--measure", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [float(value) for value in done.stdout.split()]


def _naive(data: Path) -> float:
    """Seconds to find linked hosts by comparing every pair, as scripts of the field do."""
    grabs = Dataset(data).table("grabs")
    rows = grabs.select("ip", key=grabs.tls.spki_sha256).to_pyarrow().to_pylist()
    started = time.perf_counter()
    keys: dict[str, set[str]] = {}
    for row in rows:
        keys.setdefault(row["ip"], set()).add(row["key"])
    links = sum(not a.isdisjoint(b) for a, b in combinations(keys.values(), 2))
    assert links
    return time.perf_counter() - started


def main(sizes: tuple[int, ...]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        small = Path(directory) / "small"
        write_population(small, NAIVE_HOSTS)
        naive_s = _naive(small)
        print(f"naive pairwise links, {NAIVE_HOSTS:,} hosts: {naive_s:.2f} s, growing with the square")
        for hosts in sizes:
            data = Path(directory) / str(hosts)
            write_population(data, hosts)
            wall, cpu, write, peak_mb = _in_child(data)
            naive = naive_s * (hosts / NAIVE_HOSTS) ** 2
            print(
                f"{hosts:>9,} hosts, {5 * hosts:,} sightings: all tables {wall:.1f} s ({cpu:.1f} s CPU), "
                f"written {write:.1f} s, peak {peak_mb:,.0f} MB; naive would take {naive:,.0f} s, x{naive / wall:,.0f}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        _measure(Path(sys.argv[2]))
    else:
        main(tuple(map(int, sys.argv[1:])) or SIZES)
