"""Machines: addresses that are inferred to be one machine.

Two addresses are taken for one machine when they show the same SSH host key, no service that both offer shows
different keys, nothing they say of themselves differs (greeting names, software, AS), and one of these holds:

adjacent     IPv4: at most GAP addresses apart in one /24; IPv6: in one /64. Where greetings do not name them, at
             most GAP_UNNAMED apart, and the key on at most MULTI_HOMED_MOST addresses; a placeholder such as
             localhost.localdomain speaks for copies of an image. If both greet with one name, it is enough that
             the one shows an SSH host key and the other was not seen to
dual_stack   the one is IPv4, the other IPv6, and both greet with the same name. Here SSH need not be offered
multi_homed  far apart, greeting with the same name, the SSH key on at most MULTI_HOMED_MOST addresses, and either
             in two ASes or with the same reverse name

A cloned image has equal keys too. What tells it apart: clones get names of their own, or stand in many places of
one network. A clone that kept its image's name and stands beside its original cannot be told from one machine.

Confidence: high when the greeting names are known and equal and SSH was offered, medium when one of the two is not
so, low for multi_homed. A machine of several pairs has the lowest confidence among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import (
    UNKNOWN,
    Addresses,
    Codes,
    HostNotes,
    addresses,
    clustered_hosts,
    notes_on,
    places_of,
)
from mailcensus.analysis.host_slots import Comparison, key_slots
from mailcensus.model import Column

GAP = 16
"""Addresses of one machine come in small runs; a /28 is what a provider hands out at once."""
GAP_UNNAMED = 2
"""Without a name only addresses are left to tell a machine from copies of an image at one provider."""
MULTI_HOMED_MOST = 4
"""Addresses; more than so many far-apart ones are an image, not a machine."""
BASES = ("adjacent", "dual_stack", "multi_homed")
CONFIDENCES = ("low", "medium", "high")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """One machine inferred from two or more hosts."""

    machine: Annotated[int, Column("the machine's number; 1 has most addresses")]
    hosts: Annotated[int, Column("addresses that are this machine")]
    first_ip: Annotated[str, Column("the smallest of them")]
    cluster: Annotated[int, Column("the cluster they are in")]
    bases: Annotated[tuple[str, ...], Column("adjacent, dual_stack, multi_homed: what joins its addresses")]
    confidence: Annotated[str, Column("high, medium or low: the lowest among its pairs of addresses")]
    named_hosts: Annotated[int, Column("of its addresses, how many greet with a name; all with the same one")]
    asns: Annotated[int, Column("different ASes of its addresses; 0: not known")]
    keys_compared: Annotated[
        int, Column("fewest places (service and key type) in which two joined addresses showed the same key")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineHostRow:
    """One address of a machine."""

    machine: Annotated[int, Column("the machine's number, as in the table machines")]
    ip: Annotated[str, Column("the address")]


@dataclass(frozen=True, slots=True)
class Joins:
    """Pairs of hosts taken for one machine, as places in `clustered_hosts`."""

    first: Codes
    second: Codes
    basis: Codes
    """Place in BASES."""
    confidence: Codes
    """Place in CONFIDENCES."""
    compared: Codes


@dataclass(frozen=True, slots=True)
class Machines:
    """Hosts in clusters and the machine of each, in the order of `clustered_hosts`."""

    host: Codes
    machine: Codes
    """Machines of two or more addresses are numbered from 1; a host that is a machine by itself has a number too."""
    several: int
    """How many have two or more addresses."""
    name: Codes
    """Of the name that a host greets with; UNKNOWN too where nobody had to look, as with `asn`."""
    asn: Codes
    joins: Joins


def machines(evidence: Evidence) -> ibis.Table:
    """Machines of two or more addresses.

    Returns:
        One row per machine, most addresses first, then by smallest address.
    """
    found = inferred(evidence)
    joins, several = found.joins, found.several
    of_join = found.machine[joins.first] - 1
    confidence = np.full(several, len(CONFIDENCES) - 1)
    np.minimum.at(confidence, of_join, joins.confidence)
    compared = np.full(several, np.iinfo(np.int64).max)
    np.minimum.at(compared, of_join, joins.compared)
    based = np.zeros((several, len(BASES)), np.bool_)
    based[of_join, joins.basis] = True
    members = np.flatnonzero(found.machine <= several)
    of_member = found.machine[members] - 1
    rows = {
        "machine": np.arange(1, several + 1),
        "hosts": np.bincount(of_member, minlength=several),
        "host": found.host[_first_of(of_member, members, several)],
        "bases": [[b for b, is_so in zip(BASES, row, strict=True) if is_so] for row in based.tolist()],
        "confidence": [CONFIDENCES[place] for place in confidence.tolist()],
        "named_hosts": np.bincount(of_member, found.name[members] != UNKNOWN, several).astype(np.int64),
        "asns": _different(of_member, found.asn[members], several),
        "keys_compared": compared,
    }
    types = {"bases": pa.list_(pa.string()), "confidence": pa.string()}
    table = pa.table({name: pa.array(column, types.get(name, pa.int64())) for name, column in rows.items()})
    held = evidence.dataset.put("machine_summaries", table)
    clusters = evidence.links.select("host", "cluster").distinct()
    hosts = evidence.hosts.select("host", first_ip="ip")
    return held.join(hosts, "host").join(clusters, "host").order_by("machine")


def machine_hosts(evidence: Evidence) -> ibis.Table:
    """Addresses of machines that have several.

    Returns:
        One row per address, by machine and address.
    """
    hosts = machine_of_hosts(evidence).filter(ibis._.machine <= inferred(evidence).several)
    return hosts.join(evidence.hosts, "host").order_by("machine", "host")


def machine_of_hosts(evidence: Evidence) -> ibis.Table:
    """The machine of every host asked.

    Returns:
        One row per host: host, machine. Machines of two or more addresses have the numbers they have in the table
        `machines`; every other host is a machine by itself, with a higher number.
    """
    return evidence.once("machine_of_hosts", lambda: _machine_of_hosts(evidence))


def _machine_of_hosts(evidence: Evidence) -> ibis.Table:
    hosts = np.asarray(evidence.hosts.host.to_pyarrow().to_numpy(), np.int64)
    found = inferred(evidence)
    machine = found.several + 1 + np.arange(len(hosts))
    order = np.argsort(hosts)
    joined = found.machine <= found.several
    machine[order[np.searchsorted(hosts, found.host[joined], sorter=order)]] = found.machine[joined]
    table = pa.table({"host": pa.array(hosts, pa.int32()), "machine": pa.array(machine)})
    return evidence.dataset.put("machine_of_hosts", table)


def inferred(evidence: Evidence) -> Machines:
    """The machines of the hosts in clusters."""
    return evidence.once("machines", lambda: _inferred(evidence))


def _inferred(evidence: Evidence) -> Machines:
    """What hosts say of themselves is read only of the few whose keys and addresses would make them one machine."""
    host = clustered_hosts(evidence)
    name, asn = np.full(len(host), UNKNOWN), np.full(len(host), UNKNOWN)
    pairs = _possible(evidence)
    asked = np.unique(np.concatenate([pairs.first, pairs.second]))
    which = evidence.dataset.put("possible_machines", pa.table({"host": pa.array(host[asked], pa.int32())}))
    notes = notes_on(evidence, which)
    name[asked], asn[asked] = notes.name, notes.asn
    joins = _joined(notes, pairs, np.searchsorted(asked, pairs.first), np.searchsorted(asked, pairs.second))
    return Machines(host, *_numbered(joins, len(host)), name, asn, joins)


def _numbered(joins: Joins, count: int) -> tuple[Codes, int]:
    """The machine of each host, and how many machines have several."""
    if not count:
        return np.empty(0, np.int64), 0
    edges = (np.ones(len(joins.first), np.bool_), (joins.first, joins.second))
    _, label = connected_components(coo_array(edges, shape=(count, count)), directed=False)
    # Hosts are in order of address: the first of each label is its smallest.
    _, first, place, size = np.unique(label, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(first), np.int64)
    number[np.lexsort((first, -size))] = np.arange(1, len(first) + 1)
    return np.asarray(number[place]), int((size > 1).sum())


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of hosts that may be one machine, as far as keys and addresses say."""

    first: Codes
    second: Codes
    hosts: Codes
    """On how many hosts the key is that makes them neighbours."""
    compared: Comparison

    def take(self, which: Flags) -> Pairs:
        """Some of them."""
        of = self.compared
        compared = Comparison(
            of.same[which], of.differs[which], of.same_ssh[which], of.any_ssh[which], of.one_ssh[which]
        )
        return Pairs(self.first[which], self.second[which], self.hosts[which], compared)


def _possible(evidence: Evidence) -> Pairs:
    """Candidates whose keys agree, and whose addresses lie so that one of the rules can join them."""
    first, second, hosts = _candidates(evidence)
    compared, where = key_slots(evidence).compare(first, second), addresses(evidence)
    agree = (compared.same > 0) & ~compared.differs
    near = _near(where, first, second, np.full(len(first), GAP))
    few = compared.same_ssh & (hosts <= MULTI_HOMED_MOST)
    crossing = where.is_v6[first] != where.is_v6[second]
    return Pairs(first, second, hosts, compared).take(agree & (near | few | crossing))


def _candidates(evidence: Evidence) -> tuple[Codes, Codes, Codes]:
    """Pairs of neighbours, by address, among the hosts of each shared key; and on how many hosts that key is.

    A pair that several keys make is here once, with the largest key.
    """
    links = evidence.links.select("key", "host").to_pyarrow()
    keys, hosts_of = (np.asarray(links[name].to_numpy(), np.int64) for name in ("key", "host"))
    # Sorting one number is ten times faster than sorting rows of two.
    ordered = np.sort(keys << 32 | places_of(evidence)[hosts_of])
    key, row = ordered >> 32, ordered & 0xFFFFFFFF
    same = np.flatnonzero(key[1:] == key[:-1])
    size = np.bincount(key)[key[same]]
    code = row[same] << 32 | row[same + 1]
    order = np.argsort(code, kind="stable")
    pairs = code[order]
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    most = np.maximum.reduceat(size[order], first) if len(first) else size
    return pairs[first] >> 32, pairs[first] & 0xFFFFFFFF, np.asarray(most, np.int64)


def _joined(notes: HostNotes, pairs: Pairs, first: Codes, second: Codes) -> Joins:
    """The pairs that are one machine; `first` and `second`: their places in the notes."""
    compared, hosts = pairs.compared, pairs.hosts
    by_ssh = compared.same_ssh
    agree = ~_conflict(notes, first, second)
    named = _equal(notes.name, first, second)
    placeholder = notes.placeholder[first] | notes.placeholder[second]
    near = _near(notes, first, second, np.where(named, GAP, GAP_UNNAMED))
    near &= named | ((hosts <= MULTI_HOMED_MOST) & ~placeholder)
    crossing = notes.is_v6[first] != notes.is_v6[second]
    two_ases = (notes.asn[first] != notes.asn[second]) & _both(notes.asn, first, second)
    elsewhere = two_ases | _equal(notes.ptr, first, second)
    adjacent = agree & near & ~two_ases & (by_ssh | (compared.one_ssh & named))
    dual_stack = agree & crossing & named & (by_ssh | ~compared.any_ssh)
    multi_homed = agree & by_ssh & named & elsewhere & (hosts <= MULTI_HOMED_MOST) & ~near & ~crossing
    joined = np.flatnonzero(adjacent | dual_stack | multi_homed)
    basis = np.where(adjacent, 0, np.where(dual_stack, 1, 2))[joined]
    sure = (named & by_ssh)[joined]
    confidence = np.where(basis == 2, 0, np.where(sure, 2, 1))
    return Joins(pairs.first[joined], pairs.second[joined], basis, confidence, compared.same[joined])


def _conflict(notes: HostNotes, first: Codes, second: Codes) -> Flags:
    """They say different names, or different software on a protocol."""
    against = np.zeros(len(first), np.bool_)
    for said in (notes.name, *notes.software.values()):
        against |= _both(said, first, second) & (said[first] != said[second])
    return against


def _both(values: Codes, first: Codes, second: Codes) -> Flags:
    return np.asarray((values[first] != UNKNOWN) & (values[second] != UNKNOWN))


def _equal(values: Codes, first: Codes, second: Codes) -> Flags:
    return np.asarray((values[first] == values[second]) & (values[first] != UNKNOWN))


def _near(where: HostNotes | Addresses, first: Codes, second: Codes, gap: Codes) -> Flags:
    number, v6, prefix = where.number, where.is_v6, where.prefix
    apart = np.abs(number[second] - number[first])
    v4 = ~v6[first] & ~v6[second] & (prefix[first] == prefix[second]) & (apart <= gap)
    return np.asarray(v4 | (v6[first] & v6[second] & (apart == 0)))


def _first_of(groups: Codes, values: Codes, count: int) -> Codes:
    """The smallest value of each group."""
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, groups, values)
    return first


def _different(groups: Codes, values: Codes, count: int) -> Codes:
    """How many different known values each group has."""
    known = values != UNKNOWN
    pairs = np.unique(np.stack([groups[known], values[known]]), axis=1)
    return np.bincount(pairs[0], minlength=count)
