"""Which key each host of a cluster shows in which place: a place is a service and a type of key.

A server may have a key of each type on one service (SSH host keys, TLS by ECDSA and by RSA) and not show all of them
to everybody. Two hosts are compared in the places where both showed a key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import Codes, clustered_hosts

NOTHING = -1
"""No key was shown in that place."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of hosts, one value a pair."""

    same: Codes
    """Places in which both show the same key."""
    differs: Flags
    """There is a place in which they show different keys."""
    same_ssh: Flags
    """They show the same SSH host key."""
    any_ssh: Flags
    """One of them shows an SSH host key, or both do."""
    one_ssh: Flags
    """One of them does, and the other does not."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Keys by place, a row per host as HostNotes has them."""

    keys: tuple[npt.NDArray[np.int32], ...]
    """One column per place; the smallest number where a host shows several keys in one."""
    is_ssh: tuple[bool, ...]

    def compare(self, first: Codes, second: Codes) -> Comparison:
        """Compare pairs of hosts."""
        same = np.zeros(len(first), np.int64)
        differs, by_ssh, ssh_first, ssh_second = (np.zeros(len(first), np.bool_) for _ in range(4))
        for column, ssh in zip(self.keys, self.is_ssh, strict=True):
            one, other = column[first], column[second]
            both = (one != NOTHING) & (other != NOTHING)
            equal = both & (one == other)
            same += equal
            differs |= both & ~equal
            if ssh:
                by_ssh |= equal
                ssh_first |= one != NOTHING
                ssh_second |= other != NOTHING
        return Comparison(same, differs, by_ssh, ssh_first | ssh_second, ssh_first ^ ssh_second)


def key_slots(evidence: Evidence) -> Slots:
    """The places of the hosts in clusters."""
    return evidence.once("key_slots", lambda: _key_slots(evidence))


def _key_slots(evidence: Evidence) -> Slots:
    hosts = clustered_hosts(evidence)
    keys = evidence.keys.select("key", "algorithm")
    shown = evidence.showings.semi_join(evidence.cluster_members, "host").join(keys, "key")
    rows = shown.select("host", "key", "mask", "algorithm").order_by("key").to_pyarrow()
    row = np.searchsorted(hosts, np.asarray(rows["host"].to_numpy(), np.int64))
    key = np.asarray(rows["key"].to_numpy(), np.int32)
    mask = np.asarray(rows["mask"].to_numpy(), np.int64)
    coded = rows["algorithm"].combine_chunks().dictionary_encode()
    kind = np.asarray(coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False))
    columns, is_ssh = [], []
    for service in evidence.services.order_by("bit").to_pyarrow().to_pylist():
        there = (mask & service["bit"]) != 0
        for which in np.unique(kind[there]):
            column = np.full(len(hosts), NOTHING, np.int32)
            here = np.flatnonzero(there & (kind == which))[::-1]
            column[row[here]] = key[here]  # of several the last one written stays: the smallest
            columns.append(column)
            is_ssh.append(bool(service["ssh"]))
    return Slots(tuple(columns), tuple(is_ssh))
