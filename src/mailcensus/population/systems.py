"""Which autonomous system a network belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from mailcensus.population.address import format_address
from mailcensus.population.databases import AddressTable
from mailcensus.population.network import IPV4_NETWORK_LENGTH, first_address, networks_in
from mailcensus.population.permutation import Indices
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.shard import Owners
from mailcensus.study import Study

_REMEMBERED = 1 << 16
_IPV4_NETWORKS = np.uint64(1 << IPV4_NETWORK_LENGTH)
_IPV4_HOST_BITS = np.uint64(32 - IPV4_NETWORK_LENGTH)
_SYSTEM_MARK = np.uint64(1 << 60)
"""Sets the number of a system apart from those of networks."""


def needs_systems(study: Study) -> bool:
    """Whether a study has a database of systems, or cannot do without one."""
    settings = study.settings
    return not (settings.population.as_database is None and settings.politeness.as_connections_per_s is None)


def system_of_networks(table: AddressTable) -> Callable[[int], int | None]:
    """A function that tells the AS number of a network (`population.network`) by its first address.

    Of several that announce it the smallest counts; None where the table knows of none.
    """

    @lru_cache(_REMEMBERED)
    def system_of(network: int) -> int | None:
        version, value = first_address(network)
        if version == 4:
            row = int(table.lookup_ipv4(np.array([value], np.uint32))[0])
        else:
            row = int(table.lookup([format_address(version, value)]).rows[0])
        asns = table.facts[row].asns if row >= 0 else ()
        return asns[0] if asns else None

    return system_of


def systems_of_networks(table: AddressTable, networks: Indices) -> Indices:
    """The same for many networks: their AS numbers; 0 where the table knows of none."""
    asns = np.array([*(facts.asns[0] if facts.asns else 0 for facts in table.facts), 0], np.uint64)
    rows = np.full(len(networks), -1, np.int32)
    ipv4 = networks < _IPV4_NETWORKS
    rows[ipv4] = table.lookup_ipv4((networks[ipv4] << _IPV4_HOST_BITS).astype(np.uint32))
    ipv6 = [format_address(*first_address(network)) for network in networks[~ipv4].tolist()]
    rows[~ipv4] = table.lookup(ipv6).rows
    found: Indices = asns[rows]
    return found


def systems_as_owners(table: AddressTable) -> Owners:
    """Systems as owners of their networks (`population.shard`); who has none is on its own."""

    def owners(networks: Indices) -> Indices:
        asns = systems_of_networks(table, networks)
        return np.where(asns > 0, asns | _SYSTEM_MARK, networks)

    return owners


def system_ranges(table: AddressTable, prefixes: PrefixSet) -> Iterator[tuple[int, int, int]]:
    """The systems of all networks in a set: first and last network (neighbours of one system joined), AS number."""
    networks = networks_in(prefixes)
    asns = systems_of_networks(table, networks)
    networks, asns = networks[asns > 0], asns[asns > 0]
    is_next = (np.diff(networks) == 1) & (np.diff(asns) == 0)
    starts, stops = np.r_[True, ~is_next], np.r_[~is_next, True]
    if len(networks):
        columns = networks[starts], networks[stops], asns[starts]
        yield from zip(*(column.tolist() for column in columns), strict=True)
