"""Which autonomous system a network belongs to."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mailcensus.population.address import format_address
from mailcensus.population.databases import AddressTable
from mailcensus.population.network import first_address

_REMEMBERED = 1 << 16


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
