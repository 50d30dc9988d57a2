"""The report of a synthetic study: time and memory to build it, how large it is, and how soon its pages open.

    python -m bench.report [HOSTS ...]                             (100000 unless told)
    python -m bench.report --measure STUDY                         (a study whose data are there already)

Each size runs in a process of its own, so that its peak memory is its own. Pages are opened from disk in Debian's
Chromium, where it is there: from the request to the load event, the slowest of three.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.synthetic_study import write_population
from mailcensus.analysis.analyse import analyse
from mailcensus.dataset.tables import Dataset
from mailcensus.report import build_report
from mailcensus.study import Settings, Study

HOSTS = 100_000
CHROMIUM = Path("/usr/bin/chromium")
OPENED = 3
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
    study = Study(
        folder, Settings.model_validate({"study": _WHO, "population": {"prefixes": "prefixes.txt"}})
    )
    began, cpu = time.perf_counter(), time.process_time()
    dataset = Dataset(study.data)
    tables = analyse(dataset)
    analysed, analysed_cpu = time.perf_counter(), time.process_time()
    build_report(study, tables, dataset)
    files = [path for path in study.report.rglob("*") if path.is_file()]
    return {
        "analysis_s": analysed - began,
        "analysis_cpu_s": analysed_cpu - cpu,
        "report_s": time.perf_counter() - analysed,
        "report_cpu_s": time.process_time() - analysed_cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "files": len(files),
        "size_mb": sum(path.stat().st_size for path in files) / 1e6,
    }


def _opening_s(report: Path) -> Iterator[tuple[str, float]]:
    """The largest page of each kind, and the seconds until it is loaded."""
    kinds = ("index.html", "chapters/*.html", "tables/*.html", "clusters/*.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        page = browser.new_page()
        for kind in kinds:
            largest = max(report.glob(kind), key=lambda path: path.stat().st_size)
            yield (
                str(largest.relative_to(report)),
                max(_load_s(page, largest) for _ in range(OPENED)),
            )
        browser.close()


def _load_s(page: Page, path: Path) -> float:
    began = time.perf_counter()
    page.goto(path.as_uri(), wait_until="load")
    return time.perf_counter() - began


def _show(folder: Path) -> None:
    run = [sys.executable, "-m", "bench.report", "--child", str(folder)]
    got = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    print(" ".join(f"{name}={value:.1f}" for name, value in got.items()))
    if CHROMIUM.exists():
        for name, seconds in _opening_s(folder / "report"):
            print(f"{name}: opens in {seconds:.2f} s")


def main(arguments: list[str]) -> None:
    """Measure what was asked for."""
    if arguments[:1] == ["--child"]:
        print(json.dumps(_measure(Path(arguments[1]))))
    elif arguments[:1] == ["--measure"]:
        _show(Path(arguments[1]))
    else:
        for hosts in [int(argument) for argument in arguments] or [HOSTS]:
            with tempfile.TemporaryDirectory() as folder:
                write_population(Path(folder) / "data", hosts)
                print(f"{hosts:,} hosts:")
                _show(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
