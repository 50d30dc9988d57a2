"""All networks of a MaxMind DB file, by the record they lead to.

`maxminddb` reads the metadata and decodes records; the search tree is walked here, one level of all branches at a
time in numpy. Half a million networks take a fraction of a second; the library's own iteration takes twenty times
as long in its Python form, and its C form writes beyond its memory when the tree of a damaged file sends it in
circles. Here no file makes the walk keep more branches than a few times the nodes of its tree.

Source: MaxMind DB File Format Specification 2.0, "Binary Search Tree Section".
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import maxminddb
import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import BITS, format_address

_IPV4_DEPTH = 96
"""An IPv6 tree holds IPv4 under ::/96; every other way to that node is an alias (::ffff:0:0/96, 2002::/16)."""

_SHARING = 4
"""A tree of n nodes has n + 1 ends. Branches may share some in odd files; many times more means a circle."""


class DamagedDatabase(Exception):
    """The file is not a whole MaxMind database."""


@dataclass(slots=True)
class _Branches:
    """Places in the tree, as parallel arrays: the node or record reached, and the bits that led there."""

    target: NDArray[np.int64]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Branches:
        return _Branches(self.target[chosen], self.high[chosen], self.low[chosen])


@dataclass(frozen=True, slots=True)
class NetworkGroup:
    """The networks that lead to one record."""

    _leaves: _Branches
    _depths: NDArray[np.int64]
    _bits: int

    def networks(self) -> Iterator[tuple[int, int, int]]:
        """IP version, first address and address after the last one of each."""
        columns = (self._leaves.high.tolist(), self._leaves.low.tolist(), self._depths.tolist())
        for high, low, depth in zip(*columns, strict=True):
            start = high << 64 | low
            in_ipv4 = self._bits == BITS[4] or (depth >= _IPV4_DEPTH and start >> BITS[4] == 0)
            yield 4 if in_ipv4 else 6, start, start + (1 << (self._bits - depth))

    def any_address(self) -> str:
        """An address in one of them."""
        version, start, _ = next(self.networks())
        return format_address(version, start)


def records_and_networks(content: bytes) -> Iterator[tuple[object, NetworkGroup]]:
    """Each record of a database with all networks that lead to it.

    Raises:
        DamagedDatabase: the content is no whole MaxMind database.
    """
    try:
        with maxminddb.open_database(io.BytesIO(content), maxminddb.MODE_FD) as database:
            metadata = database.metadata()
            bits = BITS[6 if metadata.ip_version == 6 else 4]
            nodes = _nodes(content, metadata.node_count, metadata.record_size)
            for group in _groups(nodes, bits):
                yield database.get(group.any_address()), group
    except (
        maxminddb.InvalidDatabaseError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        RecursionError,
    ) as error:
        # The first by intent of the library, the others where damage got through to Python.
        raise DamagedDatabase(str(error)) from None


def _nodes(content: bytes, count: int, record_bits: int) -> NDArray[np.int64]:
    """The tree as rows of (left, right)."""
    width = record_bits // 4
    raw = np.frombuffer(content, np.uint8, count * width).reshape(count, width).astype(np.int64)
    half = record_bits // 8
    left, right = _big_endian(raw[:, :half]), _big_endian(raw[:, width - half :])
    if record_bits == 28:  # the middle byte holds the high four bits of both
        left |= (raw[:, 3] >> 4) << 24
        right |= (raw[:, 3] & 0x0F) << 24
    return np.stack([left, right], axis=1)


def _big_endian(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    value = np.zeros(len(columns), np.int64)
    for column in columns.T:
        value = value << 8 | column
    return value


def _groups(nodes: NDArray[np.int64], bits: int) -> Iterator[NetworkGroup]:
    depths, found = _leaves(nodes, bits)
    order = np.argsort(found.target, kind="stable")
    edges = np.flatnonzero(np.diff(found.target[order])) + 1
    for rows in np.split(order, edges):
        if len(rows):
            yield NetworkGroup(found.where(rows), depths[rows], bits)


def _leaves(nodes: NDArray[np.int64], bits: int) -> tuple[NDArray[np.int64], _Branches]:
    """Every way from the root to a record: how many bits it takes, and which."""
    depths: list[NDArray[np.int64]] = []
    found: list[_Branches] = []
    ipv4_root = _ipv4_root(nodes, bits)
    zero = np.zeros(1, np.uint64)
    branches = _Branches(np.zeros(1, np.int64), zero, zero)
    for depth in range(1, bits + 1):
        branches = _children(nodes, branches, bits - depth)
        leaves = branches.where(branches.target > len(nodes))
        found.append(leaves)
        depths.append(np.full(len(leaves.target), depth, np.int64))
        aliases = (branches.target == ipv4_root) & (
            (branches.high != 0) | (branches.low >> np.uint64(32) != 0)
        )
        branches = branches.where((branches.target < len(nodes)) & ~aliases)
        if len(branches.target) + sum(map(len, depths)) > _SHARING * (len(nodes) + 1):
            raise DamagedDatabase("its search tree runs in circles")
    if len(branches.target):
        raise DamagedDatabase("its search tree is deeper than an address is long")
    joined = _Branches(
        np.concatenate([leaves.target for leaves in found]),
        np.concatenate([leaves.high for leaves in found]),
        np.concatenate([leaves.low for leaves in found]),
    )
    return np.concatenate(depths), joined


def _children(nodes: NDArray[np.int64], parents: _Branches, bit: int) -> _Branches:
    """Both sides of every branch; the right sides have the given bit (0 is the last of an address) set."""
    high = np.uint64(1 << (bit - 64) if bit >= 64 else 0)
    low = np.uint64(1 << bit if bit < 64 else 0)
    return _Branches(
        nodes[parents.target].T.reshape(-1),
        np.concatenate([parents.high, parents.high | high]),
        np.concatenate([parents.low, parents.low | low]),
    )


def _ipv4_root(nodes: NDArray[np.int64], bits: int) -> int:
    node = 0
    if bits == BITS[6]:
        for _ in range(_IPV4_DEPTH):
            if node >= len(nodes):
                return -1
            node = int(nodes[node, 0])
        return node
    return -1
