"""Fifteen thousand domains from list to report, interrupted and taken up again, beside what the resolver was asked.

    PYTHONPATH=tests .venv/bin/python -m bench.domains --list ../shared/data/dotgov/current-full.csv \
        --published ../shared/data/mss/US

NSD serves the published MX records of .gov as a signed zone, Unbound validates, a lab on loopback stands in for every
exchange: published addresses are replaced by its own, and nobody else is asked. `mailcensus run` is interrupted, given
again until it is done, and once more; the resolver's log says what it was asked how often.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from mailcensus.cli.lab import write_lab_study
from mailcensus.dataset.parts import visible_files
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from mailcensus.study import Settings
from mailcensus.study.template import study_toml
from places import fresh_network
from realservers.dns_tree import Tree, dns_tree
from realservers.published_mail import published_zones

_HOSTS = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, required=True, help="list of domains, CSV with `Domain name`")
    parser.add_argument(
        "--published", type=Path, required=True, help="published mx_records.csv and mx_ip.csv"
    )
    parser.add_argument("--domains", type=int, default=15_000)
    parser.add_argument("--interrupt-s", type=float, default=8.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        network = fresh_network()
        plan = make_plan(7, _HOSTS, block=f"{network}.0/24".replace("127.", "127.1", 1))
        hosts = sorted({host.ip for host in plan.hosts})
        zones, _ = published_zones(
            options.published,
            10**9,
            lambda ip: hosts[int(hashlib.sha256(ip.encode()).hexdigest(), 16) % len(hosts)],
        )
        with dns_tree(directory / "tree", network, zones, log=True) as tree, running(plan):
            study = directory / "study"
            _make_study(study, plan, tree, options.list, options.domains)
            _measure(study, tree, options.interrupt_s)


def _make_study(study: Path, plan: Plan, tree: Tree, path: Path, domains: int) -> None:
    write_lab_study(plan, study)
    told = tomllib.loads((study / "study.toml").read_text())
    told["population"].pop("hosts", None)
    told["population"].pop("prefixes", None)
    told["collect"]["services"] = ["smtp"]
    told["collect"]["rate_limited_pauses_s"] = [1.0]
    told["domains"] = {"list": "domains.csv"}
    rates = {"queries_per_s": 1e6, "authority_queries_per_s": 1e6}
    told["dns"] = {"resolvers": [tree.address], **rates}
    (study / "study.toml").write_text(study_toml(Settings.model_validate(told)))
    with path.open(newline="") as source, (study / "domains.csv").open("w", newline="") as target:
        rows = csv.reader(source)
        csv.writer(target).writerows(row for number, row in enumerate(rows) if number <= domains)


def _measure(study: Path, tree: Tree, interrupt_s: float) -> None:
    command = [sys.executable, "-m", "mailcensus", "run", str(study), "--without-preflight", "--quiet"]
    began = time.perf_counter()
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(interrupt_s)
    os.kill(first.pid, signal.SIGINT)
    print(
        f"interrupted after {interrupt_s:g} s: status {first.wait()}, {_rows(study, 'domains'):,} domains done"
    )
    again = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    print(f"run again: status {again.returncode}, {time.perf_counter() - began:.1f} s in all")
    asked = len(tree.questions())
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"run once more: {len(tree.questions()) - asked} questions; CPU of all {used.ru_utime + used.ru_stime:.1f} s"
    )
    print(f"peak memory {used.ru_maxrss / 1024:,.0f} MB")
    for table in ("domains", "mx", "dns", "hits", "grabs"):
        print(f"{table:<8} {_rows(study, table):>8,} rows")
    for state, count in Counter(_column(study, "domains", "mail")).most_common():
        print(f"  mail {state}: {count:,}")
    tries = Counter(_column(study, "dns", "attempts"))
    print(f"  questions sent once: {tries[1]:,}; with further tries: {sum(tries.values()) - tries[1]:,}")
    twice = [
        question for question, times in Counter(tree.questions()).items() if times > 1 and question != ". SOA"
    ]
    print(f"questions that the resolver got: {asked:,}; got more than once: {len(twice)} {twice[:3]}")


def _rows(study: Path, table: str) -> int:
    return sum(pq.read_metadata(file).num_rows for file in visible_files(study / "data" / table))


def _column(study: Path, table: str, column: str) -> list[object]:
    files = visible_files(study / "data" / table)
    return [value for file in files for value in pq.read_table(file, columns=[column])[column].to_pylist()]


if __name__ == "__main__":
    main()
