"""All networks of a MaxMind DB file, by the record they lead to.

The search tree is walked one level of all branches at a time in numpy. Half a million networks take a fraction of
a second; `maxminddb`'s own iteration takes twenty times as long in its Python form, and its C form writes beyond
its memory when the tree of a damaged file sends it in circles. Here no file makes the walk keep more branches than
a few times the nodes of its tree.

Source: MaxMind DB File Format Specification 2.0, "Binary Search Tree Section".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mailcensus.population.address import BITS
from mailcensus.population.databases.bulk import Keys
from mailcensus.population.databases.mmdb_metadata import Metadata, metadata_of
from mailcensus.population.databases.mmdb_values import DamagedDatabase, Value, ValueReader
from mailcensus.population.databases.table import Side

_IPV4_DEPTH = 96
"""An IPv6 tree holds IPv4 under ::/96; every other way to that node is an alias (::ffff:0:0/96, 2002::/16)."""

_SEPARATOR_BYTES = 16
"""Zero bytes between the tree and the data."""

_SHARING = 4
"""A tree of n nodes has n + 1 ends. Branches may share some in odd files; many times more means a circle."""


@dataclass(slots=True)
class _Branches:
    """Places in the tree, as parallel arrays: the node or record reached, and the bits that led there."""

    target: NDArray[np.int64]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Branches:
        return _Branches(self.target[chosen], self.high[chosen], self.low[chosen])


@dataclass(frozen=True, slots=True)
class Tree:
    """Every network of a database, and which of its distinct records each leads to."""

    content: bytes
    metadata: Metadata
    _leaves: _Branches
    _depths: NDArray[np.int64]
    _offsets: NDArray[np.int64]
    """Where the distinct records are in the data section."""
    _records: NDArray[np.int64]
    """Which of them each leaf leads to."""

    def records(self) -> Iterator[Value]:
        """The distinct records.

        Raises:
            DamagedDatabase: one of them cannot be read.
        """
        reader = ValueReader(self.content, self.metadata.tree_bytes + _SEPARATOR_BYTES)
        return (reader.at(offset) for offset in self._offsets.tolist())

    def sides(self, facts: Sequence[int]) -> tuple[Side, Side]:
        """The IPv4 and the IPv6 networks as ranges, given which facts each record stands for."""
        index = np.array(facts, np.int32)
        in_ipv4 = np.ones(len(self._depths), np.bool_)
        if self.metadata.address_bits == BITS[6]:
            low = self._leaves.low >> np.uint64(32)
            in_ipv4 = (self._depths >= _IPV4_DEPTH) & (self._leaves.high == 0) & (low == 0)
        return self._side(in_ipv4, index, 4), self._side(~in_ipv4, index, 6)

    def _side(self, chosen: NDArray[np.bool_], index: NDArray[np.int32], version: int) -> Side:
        leaves = self._leaves.where(chosen)
        order = np.lexsort((leaves.low, leaves.high))
        leaves = leaves.where(order)
        free = self.metadata.address_bits - self._depths[chosen][order]
        facts = index[self._records[chosen][order]] if len(index) else np.empty(0, np.int32)
        high, low = _filled(free - 64), _filled(np.minimum(free, 64))
        keys = _ipv4 if version == 4 else _ipv6
        return Side(keys(leaves.high, leaves.low), keys(leaves.high | high, leaves.low | low), facts)


def read_tree(content: bytes) -> Tree:
    """The networks of a database.

    Raises:
        DamagedDatabase: the content is no whole MaxMind database.
    """
    metadata = metadata_of(content)
    depths, leaves = _leaves(
        _nodes(content, metadata.node_count, metadata.record_bits), metadata.address_bits
    )
    offsets, records = np.unique(leaves.target, return_inverse=True)
    return Tree(
        content,
        metadata,
        leaves,
        depths,
        offsets - metadata.node_count - _SEPARATOR_BYTES,
        records.reshape(-1),
    )


def _filled(bits: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers with so many low bits set; 64 at most."""
    clipped = np.clip(bits, 0, 64)
    ones = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
    shift = (64 - clipped).astype(np.uint64)
    return np.where(clipped == 0, np.uint64(0), ones >> np.minimum(shift, np.uint64(63)))


def _ipv4(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> Keys:
    return low.astype(np.uint32)


def _ipv6(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> Keys:
    return np.frombuffer(np.stack([high, low], axis=1).astype(">u8").tobytes(), "S16")


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
