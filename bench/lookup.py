"""Addresses looked up per second, in bulk, beside maxminddb's own look-up of one after the other, in the same run.

    .venv/bin/python -m bench.lookup --mmdb ../shared/data/geo/geo-whois-asn-country/geo-whois-asn-country-ipv4.mmdb \
        --table ../shared/data/geo/asn/asn-ipv4.csv.gz

All ways begin with the addresses as text and are given the same ones, at random. Rounds alternate; the medians of
CPU time count, so it does not matter who else uses the machine. "rows" says which record each address has; "columns"
goes on to the Arrow columns that `mailcensus enrich` writes; "records" is a Python object for each address, which is
what maxminddb gives.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import maxminddb

from mailcensus.facts.databases import Databases
from mailcensus.population.databases import AddressTable, open_database

_GOAL_PER_S = 1_000_000
_SLOWER = 20
"""maxminddb's Python form gets so many times fewer addresses, to be done in time."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mmdb", type=Path, required=True, help="a database that maxminddb reads too")
    parser.add_argument("--table", type=Path, help="another one, of any format")
    parser.add_argument("--addresses", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chance = random.Random(1)
    addresses = [str(IPv4Address(chance.getrandbits(32))) for _ in range(options.addresses)]
    ways: dict[str, Callable[[], object]] = {}
    for path in filter(None, (options.mmdb, options.table)):
        table = _read(path)
        ways |= _ours(path.name, table, addresses)
    for name, mode in (("C", maxminddb.MODE_MMAP_EXT), ("Python", maxminddb.MODE_MEMORY)):
        database = maxminddb.open_database(options.mmdb, mode)
        some = addresses if name == "C" else addresses[: len(addresses) // _SLOWER]
        ways[f"maxminddb in {name}, {options.mmdb.name}"] = partial(_one_by_one, database, some)
    _print(_measured(ways, options.rounds), ways, len(addresses))


def _ours(name: str, table: AddressTable, addresses: list[str]) -> dict[str, Callable[[], object]]:
    return {
        f"rows, {name}": partial(table.lookup, addresses),
        f"columns, {name}": lambda: Databases((table,)).columns_of(addresses),
        f"records, {name}": lambda: table.lookup(addresses).facts(),
    }


def _one_by_one(database: maxminddb.Reader, addresses: list[str]) -> list[object]:
    return [database.get(address) for address in addresses]


def _read(path: Path) -> AddressTable:
    began = time.process_time()
    table = open_database(path)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    spent = time.process_time() - began
    print(f"{path.name}: {table.size:,} ranges read in {spent:.2f} s of CPU; {memory:.0f} MB so far at most")
    return table


def _measured(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU time of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(time.process_time() - began)
    return {name: statistics.median(spent) for name, spent in times.items()}


def _print(spent: dict[str, float], ways: dict[str, Callable[[], object]], count: int) -> None:
    rates = {name: (count // _SLOWER if "in Python" in name else count) / spent[name] for name in ways}
    theirs = next(rate for name, rate in rates.items() if name.startswith("maxminddb in C"))
    print(
        f"\n{count:,} IPv4 addresses; addresses a second of CPU, and times maxminddb's C (goal {_GOAL_PER_S:,})"
    )
    for name, rate in rates.items():
        print(f"{name:60} {rate:12,.0f} {rate / theirs:8.1f}")


if __name__ == "__main__":
    main()
