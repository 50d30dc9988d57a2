"""From Parquet to clusters and all tables of re-use on synthetic populations, beside comparing every pair.

    python -m bench.analysis [--plot] [HOSTS ...]                  (100000 and 1000000 unless told)
    python -m bench.analysis --measure DIR [--chapter]             (a dataset that is there already)

Each size runs in a process of its own, so that its peak memory is its own. Datasets are written part by part into
TMPDIR and removed again: 10,000,000 hosts, fifty million grabs, take 1.5 GB there. `--plot` draws docs/images/scale.svg
from what was measured. The other curve there is that of the published scripts, which compare every pair of hosts: 33 s
for 4,000 hosts, and with the square of the number of hosts from there.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import pyarrow as pa

from bench.synthetic_study import write_population
from mailcensus.analysis.analyse import no_search_for_garbage, tables_of
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import Evidence, gather
from mailcensus.analysis.writing import write_tables
from mailcensus.dataset.tables import Dataset

SIZES = (100_000, 1_000_000)
NAIVE_HOSTS = 2_000
PAIRWISE_S, PAIRWISE_HOSTS = 33.0, 4_000
ITEM_2 = (
    *("run_table", "listeners", "within_host", "key_kinds", "levels", "ways", "shared_keys", "most_shared"),
    *("port_pairs", "versions", "rsa_transport", "clusters", "cluster_hosts", "cluster_sizes"),
    *("cluster_statistics", "cluster_kinds", "size_two_patterns", "cross_protocol", "cross_protocol_hosts"),
)
"""The tables of re-use: the bar is theirs."""
CHAPTER = (
    *ITEM_2,
    *("summary", "cluster_links", "cluster_words", "machines", "machine_hosts", "cause_summary"),
    *("cluster_causes", "key_causes", "blast_radius"),
)
"""What the report's chapter on re-use needs: edges and words of clusters, machines, causes, what a leak exposes."""
CHAPTER_UP_TO = 1_000_000
"""Hosts."""
PLOT = Path(__file__).parent.parent / "docs" / "images" / "scale.svg"


@dataclass(frozen=True)
class Measured:
    """One size: everything since the dataset was opened."""

    gathered_s: float
    """Until who showed which key is held in numbers."""
    wall_s: float
    cpu_s: float
    write_s: float
    """Seconds that writing these tables as Parquet and CSV took after that."""
    peak_mb: float
    chapter_wall_s: float | None
    """With the tables of CHAPTER, writing left out; None: not measured."""
    chapter_cpu_s: float | None
    chapter_peak_mb: float | None


def _measure(data: Path, chapter: bool) -> Measured:
    """Runs in a child."""
    warnings.simplefilter("ignore")
    with no_search_for_garbage():
        return _measured(data, chapter)


def _measured(data: Path, chapter: bool) -> Measured:
    began, cpu = time.perf_counter(), time.process_time()
    evidence = gather(Dataset(data))
    gathered = time.perf_counter()
    tables = _made(evidence, ITEM_2)
    made, made_cpu, peak_mb = time.perf_counter(), time.process_time(), _peak_mb()
    write_tables(tables, data / "analysis")
    written, written_cpu = time.perf_counter(), time.process_time()
    further: tuple[float | None, ...] = (None, None, None)
    if chapter:
        _made(evidence, CHAPTER)
        more, more_cpu = time.perf_counter() - written, time.process_time() - written_cpu
        further = (made - began + more, made_cpu - cpu + more_cpu, _peak_mb())
    return Measured(gathered - began, made - began, made_cpu - cpu, written - made, peak_mb, *further)


def _made(evidence: Evidence, names: tuple[str, ...]) -> dict[str, pa.Table]:
    return tables_of(evidence, [spec for spec in TABLES if spec.name in names])


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_child(data: Path, hosts: int) -> Measured:
    command = [sys.executable, "-m", "bench.analysis", "--measure", str(data)]
    command += ["--chapter"] if hosts <= CHAPTER_UP_TO else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout))


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


def _draw(measured: dict[int, Measured]) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    hosts = list(measured)
    pairwise = [PAIRWISE_S * (count / PAIRWISE_HOSTS) ** 2 for count in hosts]
    axes.loglog(hosts, pairwise, "--", color="#b04a2f", label="every pair compared, from 33 s at 4,000 hosts")
    axes.loglog([PAIRWISE_HOSTS], [PAIRWISE_S], "s", color="#b04a2f")
    axes.loglog(
        hosts, [one.wall_s for one in measured.values()], "o-", color="#1f5f8b", label="mailcensus, measured"
    )
    for seconds, name in ((60, "a minute"), (3600, "an hour"), (86400, "a day"), (365 * 86400, "a year")):
        axes.axhline(seconds, color="#cccccc", linewidth=0.7, zorder=0)
        axes.text(hosts[0], seconds * 1.15, name, color="#777777", fontsize=8)
    axes.set_xlabel("hosts (five key sightings each)")
    axes.set_ylabel("seconds")
    axes.set_title("From records to clusters and all tables of re-use", fontsize=11)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.12, 1))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def main(sizes: tuple[int, ...], *, plot: bool) -> None:
    """Measure and print."""
    measured = {}
    with tempfile.TemporaryDirectory() as directory:
        small = Path(directory) / "small"
        write_population(small, NAIVE_HOSTS)
        naive_s = _naive(small)
        print(f"naive pairwise links, {NAIVE_HOSTS:,} hosts: {naive_s:.2f} s, growing with the square")
        for hosts in sizes:
            data = Path(directory) / str(hosts)
            began = time.perf_counter()
            write_population(data, hosts)
            size_mb = sum(path.stat().st_size for path in data.rglob("*.parquet")) / 1e6
            print(
                f"{hosts:>10,} hosts written in {time.perf_counter() - began:,.0f} s, {size_mb:,.0f} MB on disk; "
                f"peak of the writer {_peak_mb():,.0f} MB",
                flush=True,
            )
            one = _in_child(data, hosts)
            measured[hosts] = one
            naive = naive_s * (hosts / NAIVE_HOSTS) ** 2
            print(
                f"{hosts:>10,} hosts, {5 * hosts:,} sightings: in numbers {one.gathered_s:.1f} s, all tables of re-use "
                f"{one.wall_s:.1f} s ({one.cpu_s:.1f} s CPU), peak {one.peak_mb:,.0f} MB, written {one.write_s:.1f} s; "
                f"naive would take {naive:,.0f} s, x{naive / one.wall_s:,.0f}"
            )
            if one.chapter_wall_s is not None:
                print(
                    f"{'':>10} with words, edges, machines, causes, blast radius: {one.chapter_wall_s:.1f} s "
                    f"({one.chapter_cpu_s:.1f} s CPU), peak {one.chapter_peak_mb:,.0f} MB",
                    flush=True,
                )
    if plot:
        _draw(measured)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(asdict(_measure(Path(sys.argv[2]), "--chapter" in sys.argv))))
    else:
        asked = [argument for argument in sys.argv[1:] if argument != "--plot"]
        main(tuple(map(int, asked)) or SIZES, plot="--plot" in sys.argv)
