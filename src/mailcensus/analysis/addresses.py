"""Addresses in numerical order, IPv4 before IPv6."""

from __future__ import annotations

from ipaddress import IPv6Address

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_OCTETS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.int64)


def numerical_order(ips: pa.Array) -> npt.NDArray[np.int64]:
    """Places of addresses in numerical order.

    Args:
        ips: different addresses as text, as Python's ipaddress writes them; no nulls.
    Returns:
        Indices into `ips`, as numpy.argsort gives them.
    """
    is_v6 = np.asarray(pc.find_substring(ips, ":").to_numpy(zero_copy_only=False) >= 0)
    v4, v6 = np.flatnonzero(~is_v6), np.flatnonzero(is_v6)
    wide = [int(IPv6Address(ip)) for ip in ips.filter(pa.array(is_v6)).to_pylist()]
    high = np.array([number >> 64 for number in wide], np.uint64)
    low = np.array([number & (1 << 64) - 1 for number in wide], np.uint64)
    in_v4 = np.argsort(_v4_numbers(ips.filter(pa.array(~is_v6))))
    return np.concatenate([v4[in_v4], v6[np.lexsort((low, high))]])


def _v4_numbers(ips: pa.Array) -> npt.NDArray[np.uint64]:
    octets = pc.list_flatten(pc.split_pattern(ips, ".")).cast(pa.int64()).to_numpy()
    return np.asarray(octets.reshape(-1, 4) @ _OCTETS, np.uint64)
