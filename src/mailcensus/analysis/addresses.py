"""Addresses as numbers, and in numerical order, IPv4 before IPv6."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_OCTETS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.int64)


@dataclass(frozen=True, slots=True)
class AddressNumbers:
    """Addresses, one value each."""

    is_v6: npt.NDArray[np.bool_]
    number: npt.NDArray[np.int64]
    """An IPv4 address; the upper half of an IPv6 address, its bits read as a signed number."""
    low: npt.NDArray[np.uint64]
    """The lower half of an IPv6 address; else 0."""

    def order(self) -> npt.NDArray[np.int64]:
        """Places of the addresses in numerical order, as numpy.argsort gives them."""
        v4, v6 = np.flatnonzero(~self.is_v6), np.flatnonzero(self.is_v6)
        in_v6 = np.lexsort((self.low[v6], self.number[v6].view(np.uint64)))
        return np.concatenate([v4[np.argsort(self.number[v4])], v6[in_v6]])


def address_numbers(ips: pa.Array) -> AddressNumbers:
    """Read addresses.

    Args:
        ips: addresses as text, as Python's ipaddress writes them; no nulls.
    """
    is_v6 = np.asarray(pc.find_substring(ips, ":").to_numpy(zero_copy_only=False) >= 0)
    number, low = np.zeros(len(ips), np.int64), np.zeros(len(ips), np.uint64)
    octets = pc.list_flatten(pc.split_pattern(ips.filter(pa.array(~is_v6)), ".")).cast(pa.int64())
    number[~is_v6] = octets.to_numpy().reshape(-1, 4) @ _OCTETS
    wide = [int(IPv6Address(ip)) for ip in ips.filter(pa.array(is_v6)).to_pylist()]
    number[is_v6] = np.array([whole >> 64 for whole in wide], np.uint64).view(np.int64)
    low[is_v6] = np.array([whole & (1 << 64) - 1 for whole in wide], np.uint64)
    return AddressNumbers(is_v6, number, low)
