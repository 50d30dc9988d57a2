"""Zones made of the published MX records and addresses of .gov."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from realservers.dns_tree import Zone

_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*")


def published_zones(
    directory: Path, most: int, address_of: Callable[[str], str] = str
) -> tuple[list[Zone], list[str]]:
    """The zone of .gov, signed, and unsigned ones for the exchanges' top-level domains; and the domains in it.

    Args:
        directory: of the published files of one country.
        most: domains to take, spread evenly over all.
        address_of: what stands in for a published address, where exchanges are to be asked: nobody outside
            loopback ever is.
    """
    exchanges = defaultdict(list)
    with (directory / "mx_records.csv").open() as file:
        for row in csv.DictReader(file):
            exchanges[row["queried"].lower()].append(
                (int(row["preference"]), row["exchange"].lower().rstrip("."))
            )
    domains = [*exchanges][:: max(1, len(exchanges) // most)][:most]
    addresses = defaultdict(set)
    with (directory / "mx_ip.csv").open() as file:
        for row in csv.DictReader(file):
            addresses[row["queried"].lower().rstrip(".")].add(row["a_record"])
    records = defaultdict(list)
    for domain in domains:
        for preference, exchange in exchanges[domain]:
            records["gov"].append(f"{domain}. 60 IN MX {preference} {exchange}.")
    wanted = {exchange for domain in domains for _, exchange in exchanges[domain]}
    for exchange in sorted(filter(_HOST.fullmatch, wanted)):
        suffix = exchange.rpartition(".")[2]
        records[suffix] += [
            f"{exchange}. 60 IN A {ip}" for ip in sorted({*map(address_of, addresses[exchange])})
        ]
    zones = [Zone(f"{suffix}.", records[suffix], signed=suffix == "gov") for suffix in records]
    return zones, domains
