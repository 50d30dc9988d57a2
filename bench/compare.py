"""Two studies of synthetic populations compared, as `mailcensus diff` does: from Parquet to every table of it.

    python -m bench.compare [HOSTS]          (1,000,000 in each of the two unless told)

A tenth of the hosts have new keys in the second study.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from bench.synthetic_study import write_population
from mailcensus.analysis.diff import diff
from mailcensus.analysis.snapshot import take_snapshot
from mailcensus.study import Settings, Study

HOSTS = 1_000_000
RENEWED = 0.1


def _measure(directory: Path) -> None:
    """Runs in a child, so that the peak is that of the comparison."""
    warnings.simplefilter("ignore")
    began, cpu = time.perf_counter(), time.process_time()
    a, b = (take_snapshot(Study(directory / label, Settings()), label) for label in "AB")
    read_s, read_cpu = time.perf_counter() - began, time.process_time() - cpu
    tables = diff(a, b)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    kept = {row["name"]: row["value"] for row in tables["summary"].to_pylist()}["addresses_kept"]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"two studies of {a.hosts.num_rows:,} hosts: {wall:.1f} s ({cpu:.1f} s CPU), of these to read them "
        f"{read_s:.1f} s ({read_cpu:.1f} s CPU); peak {peak_mb:,.0f} MB; {kept:,} addresses kept a key"
    )


def main(hosts: int) -> None:
    """Make two studies and compare them."""
    with tempfile.TemporaryDirectory() as directory:
        for label, renewed in (("A", 0.0), ("B", RENEWED)):
            study = Study(Path(directory) / label, Settings())
            write_population(study.data, hosts, renewed=renewed)
        subprocess.run([sys.executable, "-m", "bench.compare", "--measure", directory], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        _measure(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1].replace(",", "")) if sys.argv[1:] else HOSTS)
