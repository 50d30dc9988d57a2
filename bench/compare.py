"""How long comparing two runs takes: two synthetic studies of so many hosts, compared as `mailcensus diff` does.

python -m bench.compare --hosts 1000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from bench.synthetic_study import write_population
from mailcensus.analysis.diff import diff
from mailcensus.analysis.snapshot import take_snapshot
from mailcensus.study import Settings, Study


def main() -> None:
    """Make two studies, compare them, say how long each step took."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hosts", type=int, default=1_000_000)
    hosts = arguments.parse_args().hosts
    with tempfile.TemporaryDirectory() as directory:
        studies = [Study(Path(directory) / name, Settings()) for name in ("a", "b")]
        for seed, study in enumerate(studies):
            write_population(study.data, hosts, seed=2026 + seed)
        written = _peak_mb()
        began = time.perf_counter()
        a, b = (take_snapshot(study, label) for study, label in zip(studies, "AB", strict=True))
        read = time.perf_counter()
        tables = diff(a, b)
        ended = time.perf_counter()
    changes = {row["name"]: row["value"] for row in tables["summary"].to_pylist() if row["value"]}
    print(
        f"2 x {hosts:,} hosts: read {read - began:.1f} s, compared {ended - read:.1f} s, "
        f"peak {_peak_mb():,.0f} MB (writing them took {written:,.0f} MB)"
    )
    print(changes)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
