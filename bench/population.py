"""A country planned, permuted and excluded: addresses a second and peak memory, beside simpler ways to do it.

    PYTHONPATH=tests .venv/bin/python -m bench.population --country-database geo-whois-asn-country-ipv4.mmdb

The population is Ireland's prefixes by the given database (without one: none of them), filled up with blocks as a
registry hands them out to 18.4 million addresses, and 10,000 exclusions. Each way runs in a process of its own,
which prints its peak resident memory; times are those from an empty process to the last address, start of Python and
reading of the files included. "zmap's cyclic group" is that of zmap's paper (Durumeric, Wustrow, Halderman,
USENIX Security 2013, section 3.1) in plain Python, over the same population.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mailcensus.population import PrefixSet, load_population
from mailcensus.population.address import format_address
from mailcensus.population.databases import open_database
from mailcensus.population.ranges import Ranges
from mailcensus.study import Study

_ADDRESSES = 18_400_000
_EXCLUSIONS = 10_000
_ZMAP_ADDRESSES = 1_000_000
_GOAL_PER_S = 2_000_000
_GOAL_S, _GOAL_MB = 60, 300
_PRIME, _ROOT = (1 << 32) + 15, 3  # zmap: the first prime above 2**32, and a primitive root of it


def country_like(database: Path | None, addresses: int) -> PrefixSet:
    """A country's prefixes, filled up to so many addresses."""
    draw = random.Random(2026)
    found = open_database(database).prefixes_of_country("IE").located if database else PrefixSet()
    while found.count < addresses:
        pairs = []
        for _ in range(400):
            size = 1 << draw.choice((8, 8, 8, 9, 10, 10, 11, 12))
            start = draw.randrange(11 << 24, 99 << 24) & -size
            pairs.append((start, start + size))
        found = found.union(PrefixSet(Ranges.of(pairs)))
    return found


def write_study(directory: Path, population: PrefixSet) -> None:
    """A study of these prefixes with exclusions: half of them hosts, half /24s and /26s."""
    draw = random.Random(7)
    (directory / "prefixes.txt").write_text("".join(f"{block}\n" for block, _ in population.blocks()))
    outs = [
        f"{population.address_at(draw.randrange(population.count))}/{draw.choice((32, 32, 24, 26))}\n"
        for _ in range(_EXCLUSIONS)
    ]
    (directory / "out.txt").write_text("".join(outs))
    (directory / "study.toml").write_text(
        '[study]\ncontact = "a@b.example"\nopt_out = "https://b.example"\n'
        '[population]\nprefixes = "prefixes.txt"\nexclusions = ["out.txt"]\n'
    )


def _texts(study: Study) -> Iterator[int]:
    """Ours: the addresses as text, as discovery takes them."""
    for _, texts in load_population(study).order.chunks():
        yield len(texts)


def _numbers(study: Study) -> Iterator[int]:
    """Ours: the addresses as arrays of numbers."""
    for numbers in load_population(study).order.ipv4_numbers():
        yield len(numbers)


def _shuffle(study: Study) -> Iterator[int]:
    """A list of all addresses, shuffled."""
    allowed = load_population(study).prefixes.ipv4
    addresses = [format_address(4, value) for pair in allowed.pairs() for value in range(*pair)]
    random.Random(1).shuffle(addresses)
    yield len(addresses)


def _cyclic(study: Study) -> Iterator[int]:
    """The whole of IPv4 walked in zmap's group, who is not in the population passed over; stopped after a while."""
    allowed = load_population(study).prefixes.ipv4
    value, generator, walked = 1, _ROOT, 0
    while walked < 10_000_000:
        for _ in range(100_000):
            value = value * generator % _PRIME
            if allowed.contains(value - 1):
                format_address(4, value - 1)
        walked += 100_000
    yield round(allowed.count * walked / (1 << 32))


def _zmap(study: Study) -> Iterator[int]:
    """zmap itself in a dry run, which prints each packet: its own order in C, and four lines of text an address."""
    lists = ["-w", str(study.path(Path("prefixes.txt"))), "-b", str(study.path(Path("out.txt")))]
    line = ["-i", "lo", "-G", "00:00:00:00:00:01", "-S", "127.0.0.1", "-r", "100000000", "-c", "0", "-q"]
    what = ["-p", "25", "-n", str(_ZMAP_ADDRESSES), "-o", "/dev/null"]
    subprocess.run(["zmap", "--dryrun", *lists, *line, *what], check=True, stdout=subprocess.DEVNULL)
    yield _ZMAP_ADDRESSES


WAYS: dict[str, Callable[[Study], Iterator[int]]] = {
    "mailcensus, texts": _texts,
    "mailcensus, numbers": _numbers,
    "random.shuffle of a list": _shuffle,
    "zmap's cyclic group, plain Python": _cyclic,
    "zmap --dryrun (root)": _zmap,
}


def run_way(name: str, directory: Path) -> None:
    """In the child: all addresses one way, then what that took."""
    began = time.perf_counter()
    count = sum(WAYS[name](Study.open(directory)))
    took_s, used = time.perf_counter() - began, os.times()
    cpu_s = used.user + used.system + used.children_user + used.children_system
    peak_mb = max(map(_peak_mb, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
    print(f"{count:12,} addresses {took_s:7.1f} s {count / cpu_s:12,.0f} a second of CPU {peak_mb:7.0f} MB")


def _peak_mb(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 1000


def main() -> None:
    """Each way in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--country-database", type=Path)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_way(options.way, options.directory)
        return
    with tempfile.TemporaryDirectory() as directory:
        population = country_like(options.country_database, _ADDRESSES)
        write_study(Path(directory), population)
        ranges = len(population.ipv4.starts)
        print(f"{population.count:,} addresses in {ranges:,} ranges, {_EXCLUSIONS:,} exclusions")
        for name in WAYS:
            if name.startswith("zmap --") and (shutil.which("zmap") is None or os.geteuid() != 0):
                continue
            began = time.perf_counter()
            command = [sys.executable, "-m", "bench.population", "--way", name, "--directory", directory]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            print(f"{name:34} {done.stdout.rstrip()} {time.perf_counter() - began:6.1f} s in all")
    print(f"goals: {_GOAL_PER_S:,} a second, {_GOAL_S} s in all, {_GOAL_MB} MB")


if __name__ == "__main__":
    main()
