"""Which key each host of a cluster shows in which place: a place is a service and a type of key.

A server may have a key of each type on one service (SSH host keys, TLS by ECDSA and by RSA) and not show all of them
to everybody. Two hosts are compared in the places where both showed a key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import Codes, clustered_hosts, places_of

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
    row_of = places_of(evidence)
    shown = evidence.showings.semi_join(evidence.cluster_members, "host").to_pyarrow()
    row = row_of[shown["host"].to_numpy()]
    key = np.asarray(shown["key"].to_numpy(), np.int32)
    mask = np.asarray(shown["mask"].to_numpy(), np.int64)
    kind = _kinds(evidence)[key]
    columns, is_ssh = [], []
    for service in evidence.services.order_by("bit").to_pyarrow().to_pylist():
        there = np.flatnonzero((mask & service["bit"]) != 0)
        kinds = kind[there]
        for which in np.unique(kinds):
            here = there[kinds == which]
            column = np.full(len(clustered_hosts(evidence)), np.iinfo(np.int32).max, np.int32)
            np.minimum.at(column, row[here], key[here])
            column[column == np.iinfo(np.int32).max] = NOTHING
            columns.append(column)
            is_ssh.append(bool(service["ssh"]))
    return Slots(tuple(columns), tuple(is_ssh))


def _kinds(evidence: Evidence) -> npt.NDArray[np.int32]:
    """A number for the algorithm of each key, by the key's number; 0: it is not recorded."""
    table = evidence.keys.select("key", "algorithm").to_pyarrow()
    coded = table["algorithm"].combine_chunks().dictionary_encode()
    kinds = np.zeros(len(table), np.int32)
    kinds[table["key"].to_numpy()] = pc.add(coded.indices, 1).fill_null(0).to_numpy(zero_copy_only=False)
    return kinds
