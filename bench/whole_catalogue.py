"""`mailcensus analyse` of a synthetic study: every table of the catalogue: python -m bench.whole_catalogue [HOSTS]

Ten million hosts, fifty million grabs, unless told; five key sightings each. The study is written part by part into
TMPDIR and removed again: 1.4 GB, then 2.7 GB of tables, and what DuckDB has no memory for.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import orjson

from bench.synthetic_study import NOW, RUN, write_population
from mailcensus.dataset.run import RunRecord, StageProgress, StageState, run_file

HOSTS = 10_000_000
_LOOK_S = 1.0


def write_study(directory: Path, hosts: int) -> None:
    """A study that is collected."""
    data = directory / "data"
    write_population(data, hosts)
    done = StageProgress(StageState.DONE, NOW.as_py().isoformat())
    record = RunRecord(RUN, {"discover": done, "collect": done})
    run_file(data).write_bytes(orjson.dumps(asdict(record)))
    (directory / "study.toml").write_text("[study]\nallow_special = true\n")


def measure(directory: Path) -> None:
    """Analyse it, and print what that took."""
    began_s, spilled = time.perf_counter(), 0
    command = [sys.executable, "-m", "mailcensus", "analyse", str(directory), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            spilled = max(spilled, _spilled_bytes(directory / "data"))
            time.sleep(_LOOK_S)
    wall_s, used = time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    written = sum(file.stat().st_size for file in (directory / "data" / "analysis").iterdir())
    print(
        f"status {process.returncode}: {wall_s:,.1f} s ({used.ru_utime + used.ru_stime:,.1f} s of CPU), "
        f"peak {used.ru_maxrss / 1024:,.0f} MB, spilled {spilled / 1e6:,.0f} MB; {written / 1e6:,.0f} MB of tables"
    )


def _spilled_bytes(data: Path) -> int:
    total = 0
    for file in data.glob(".spilled-*/*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


def main(hosts: int) -> None:
    """Write, analyse, remove."""
    with tempfile.TemporaryDirectory() as directory:
        write_study(Path(directory), hosts)
        measure(Path(directory))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
