"""Notices to the operators of a synthetic study: time and memory to write a letter, CSV and JSON for each AS.

    python -m bench.notices [HOSTS ...]                            (100000 unless told)

Each size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from bench.synthetic_study import write_population
from mailcensus.outreach.notices import Wanted, write_notices
from mailcensus.outreach.notices_groups import By
from mailcensus.study import Settings, Study

HOSTS = 100_000
_WHO = {
    "name": "A synthetic study",
    "vantage": "bench",
    "ehlo_name": "census.example.org",
    "contact": "census@example.org",
    "opt_out": "https://census.example.org/opt-out",
}


def _measure(folder: Path) -> dict[str, float]:
    """Runs in a child."""
    warnings.simplefilter("ignore")
    study = Study(folder, Settings.model_validate({"study": _WHO}))
    began, cpu = time.perf_counter(), time.process_time()
    done = write_notices(study, Wanted(By.AS))
    files = [path for path in done.folder.rglob("*") if path.is_file()]
    return {
        "notices": done.notices,
        "hosts_told_of": done.hosts,
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "files": len(files),
        "size_mb": sum(path.stat().st_size for path in files) / 1e6,
    }


def main(arguments: list[str]) -> None:
    """Measure what was asked for."""
    if arguments[:1] == ["--child"]:
        print(json.dumps(_measure(Path(arguments[1]))))
        return
    for hosts in [int(argument) for argument in arguments] or [HOSTS]:
        with tempfile.TemporaryDirectory() as folder:
            write_population(Path(folder) / "data", hosts)
            run = [sys.executable, "-m", "bench.notices", "--child", folder]
            got = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
            print(f"{hosts:,} hosts:", " ".join(f"{name}={value:,.1f}" for name, value in got.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
