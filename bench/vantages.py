"""What it costs to cut a study into pieces for several vantages: time and CPU of office and vantage, by piece.

    PYTHONPATH=tests .venv/bin/python -m bench.vantages --pieces 4 128

One vantage discovers 16,384 addresses of 127.96.0.0/18 where nobody listens, so that nearly all there is to see is
what a piece costs by itself: a task of Dask, a lease, a directory, a run with its parts, the copy, the gathering. How
many pieces there really are depends on the numbers of the 64 networks; the cost of one is the difference of the two
runs by the difference of their pieces. Speed with more vantages than cores would say nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "127.96.0.0/18"
SETTINGS = """\
[study]
allow_special = true
[population]
prefixes = "prefixes.txt"
[politeness]
connections_per_s = 20000
prefix_connections_per_s = 20000
prefix_connections = 500
[discovery]
ports = [1]
[collect]
services = ["smtp"]
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run."""

    pieces: int
    wall_s: float
    office_cpu_s: float
    vantage_cpu_s: float


def main() -> int:
    """Measure and print; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--pieces", type=int, nargs=2, default=(4, 128), help="two numbers (default %(default)s)"
    )
    few, many = (_measured(pieces) for pieces in parser.parse_args().pieces)
    print(f"{'pieces':>8}{'wall s':>10}{'CPU office s':>14}{'CPU vantage s':>15}")
    for cost in (few, many):
        print(f"{cost.pieces:>8}{cost.wall_s:>10.1f}{cost.office_cpu_s:>14.2f}{cost.vantage_cpu_s:>15.2f}")
    more = max(1, many.pieces - few.pieces)
    each = (getattr(many, name) - getattr(few, name) for name in ("wall_s", "office_cpu_s", "vantage_cpu_s"))
    wall, office, vantage = (1000 * seconds / more for seconds in each)
    print(
        f"a piece: {wall:.0f} ms on the clock, {office:.0f} ms of CPU at the office, {vantage:.0f} at the vantage"
    )
    return 0


def _measured(pieces: int) -> Cost:
    with tempfile.TemporaryDirectory(prefix="mailcensus-bench-") as directory:
        study = Path(directory)
        (study / "prefixes.txt").write_text(f"{PREFIX}\n")
        (study / "study.toml").write_text(SETTINGS)
        words = [
            "vantages",
            "collect",
            directory,
            "--listen",
            "127.0.0.1:0",
            "--pieces",
            str(pieces),
            "--quiet",
        ]
        office = _start(*words)
        assert office.stdout is not None
        address = office.stdout.readline().strip().removeprefix("tcp://")
        vantage = _start("vantages", "join", address, "--name", "bench")
        while not list((study / "vantages").glob("*/*")):  # both have begun
            time.sleep(0.01)
        began = time.perf_counter()
        office_cpu_s = _cpu_s(office)
        wall_s = time.perf_counter() - began
        made = len(list((study / "vantages").glob("*/*")))
        return Cost(made, wall_s, office_cpu_s, _cpu_s(vantage))


def _start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "mailcensus", *words], stdout=subprocess.PIPE, text=True)


def _cpu_s(process: subprocess.Popen[str]) -> float:
    """Of a process from its begin to its end, which is waited for."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
