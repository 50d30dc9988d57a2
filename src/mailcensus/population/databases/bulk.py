"""Many addresses at once, as numpy keys that sort as the addresses do.

An IPv4 key is a uint32. An IPv6 key is its 16 bytes as numpy's `S16`: numpy compares these byte by byte and takes
missing bytes for zero, so that the order is that of the numbers although numpy drops zero bytes at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[Any]
"""uint32 or S16; numpy's types cannot say that two arrays are of the same kind."""

_IPV6 = np.dtype("S16")


def ipv4_keys(values: Sequence[int]) -> Keys:
    """Keys of IPv4 addresses given as numbers."""
    return np.array(values, np.uint32)


def ipv6_keys(values: Iterable[int]) -> Keys:
    """Keys of IPv6 addresses given as numbers."""
    return np.frombuffer(b"".join(value.to_bytes(16, "big") for value in values), _IPV6)


def numbers_of(keys: Keys) -> list[int]:
    """The addresses of keys as numbers."""
    if keys.dtype != _IPV6:
        numbers: list[int] = keys.tolist()
        return numbers
    raw = keys.tobytes()
    return [int.from_bytes(raw[at : at + 16], "big") for at in range(0, len(raw), 16)]


def sharing(starts: Keys, lasts: Keys) -> NDArray[np.bool_]:
    """Which of some ranges may share addresses with another: exact for IPv4, all of them for IPv6."""
    if starts.dtype == _IPV6:
        return np.ones(len(starts), np.bool_)
    order = np.argsort(starts, kind="stable")
    first, last = starts[order], lasts[order]
    marked = np.zeros(len(starts), np.bool_)
    marked[order[1:]] = first[1:] <= np.maximum.accumulate(last)[:-1]  # with one before it
    marked[order[:-1]] |= first[1:] <= last[:-1]  # with the next one
    return marked


def keys_of(addresses: Sequence[str]) -> tuple[NDArray[np.int64], Keys, NDArray[np.int64], Keys]:
    """Places and keys of the IPv4 addresses of a list, then those of the IPv6 ones.

    Raises:
        ValueError: one of them is no address.
    """
    try:  # in most studies all are IPv4
        everywhere = np.arange(len(addresses))
        return everywhere, _ipv4_of(addresses), np.empty(0, np.int64), np.empty(0, _IPV6)
    except OSError:
        pass
    is_ipv6 = np.fromiter((":" in address for address in addresses), np.bool_, len(addresses))
    ipv4, ipv6 = np.flatnonzero(~is_ipv6), np.flatnonzero(is_ipv6)
    try:
        return (
            ipv4,
            _ipv4_of([addresses[place] for place in ipv4.tolist()]),
            ipv6,
            np.frombuffer(
                b"".join(map(partial(inet_pton, AF_INET6), [addresses[place] for place in ipv6.tolist()])),
                _IPV6,
            ),
        )
    except OSError:
        raise ValueError("not an IPv4 or IPv6 address") from None


def _ipv4_of(addresses: Sequence[str]) -> Keys:
    raw = b"".join(map(partial(inet_pton, AF_INET), addresses))
    return np.frombuffer(raw, ">u4").astype(np.uint32)
