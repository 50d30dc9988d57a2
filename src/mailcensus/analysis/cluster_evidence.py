"""The facts on which readings of shared keys rest: per key, counted over the hosts that show it.

Everything is counted in whole columns: hosts and keys are numbers, and how many different values a key's hosts have
comes out of one sort. Nothing is done host by host.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mailcensus.analysis.cause_patterns import first_matching, patterns
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import UNKNOWN, Codes, HostNotes, domains_of, host_notes
from mailcensus.analysis.host_slots import NOTHING, key_slots
from mailcensus.analysis.key_certificates import KeyCertificates, key_certificates
from mailcensus.analysis.key_findings import keys_with
from mailcensus.analysis.machines import inferred
from mailcensus.facts.key_flaws import Flaw
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is counted over the hosts that show one key. An unknown is in no count."""

    hosts: Annotated[int, Column("hosts that show the key")]
    machines: Annotated[int, Column("machines these are, as far as can be inferred")]
    prefixes: Annotated[int, Column("different /24 (IPv6: /48) of these hosts")]
    as_known: Annotated[int, Column("hosts whose AS is known")]
    asns: Annotated[int, Column("different ASes of these")]
    countries: Annotated[int, Column("different countries of the hosts whose country is known")]
    named: Annotated[
        int, Column("hosts that greet with a name of somebody's; localhost and the like are none")
    ]
    names: Annotated[int, Column("different names they greet with")]
    domains: Annotated[int, Column("different registered domains of these names")]
    covered: Annotated[int, Column("named hosts whose registered domain is in a certificate with the key")]
    ssh_known: Annotated[int, Column("hosts that show an SSH host key, of the type that most of them show")]
    ssh_keys: Annotated[int, Column("different ones of these")]
    tls_known: Annotated[
        int, Column("hosts that show a TLS key, on the service where they show most different ones")
    ]
    tls_keys: Annotated[int, Column("different ones of these")]
    softwares: Annotated[
        int, Column("different products and versions, on the protocol on which there are most")
    ]
    by_ssh: Annotated[bool, Column("shown as SSH host key")]
    by_tls: Annotated[bool, Column("shown in a certificate")]
    known: Annotated[bool, Column("known to have come with a product, private half and all")]
    certificates: Annotated[int, Column("different certificates with the key")]
    issued: Annotated[int, Column("of these: issued by somebody else")]
    wildcards: Annotated[int, Column("of these: with a wildcard name")]
    certificate_domains: Annotated[
        int, Column("most registered domains that one of these certificates names")
    ]
    default_certificates: Annotated[int, Column("of these: with the subject of a product's default")]
    well_known_certificates: Annotated[int, Column("of these: with a name that everybody knows")]
    cdn_certificates: Annotated[int, Column("of these: with a name of a content delivery network")]
    owner_hosts: Annotated[int, Column("hosts in an AS of the owner of the well-known name")]
    cdn_hosts: Annotated[int, Column("hosts in an AS of a content delivery network")]
    hoster_hosts: Annotated[int, Column("hosts in an AS of a hoster")]


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Facts per shared key, and its members."""

    key: Codes
    """Shared keys, ascending."""
    cluster: Codes
    """The cluster of each key."""
    member_key: Codes
    """Place in `key`, one per (key, host)."""
    member: Codes
    """Place of the host in HostNotes."""
    facts: pa.Table
    """One row per key: the columns of Facts."""
    certificates: KeyCertificates


def key_facts(evidence: Evidence) -> KeyFacts:
    """Facts of every shared key."""
    return evidence.once("key_facts", lambda: _key_facts(evidence))


def _key_facts(evidence: Evidence) -> KeyFacts:
    notes = host_notes(evidence)
    domain, domains = domains_of(notes)
    links = evidence.links.select("key", "host", "cluster", "mask").order_by("key", "host").to_pyarrow()
    key, host, cluster, mask = (np.asarray(links[name].to_numpy(), np.int64) for name in links.column_names)
    keys, first, of = np.unique(key, return_index=True, return_inverse=True)
    member = notes.rows_of(host)
    counter = Counter(of, member, len(keys))
    certificates = key_certificates(evidence, keys)
    ssh_mask = evidence.ssh_mask
    columns: dict[str, npt.NDArray[np.int64] | npt.NDArray[np.bool_]] = {
        "hosts": counter.sizes(),
        "machines": counter.different(inferred(evidence).machine),
        "prefixes": counter.different(notes.prefix),
        "as_known": counter.where(notes.asn != UNKNOWN),
        "asns": counter.different(notes.asn),
        "countries": counter.different(notes.country),
        "named": counter.where(notes.name != UNKNOWN),
        "names": counter.different(notes.name),
        "domains": counter.different(domain),
        "covered": counter.members(certificates.covers(of, domain[member], domains)),
        **_own_keys(evidence, counter),
        "softwares": np.max([counter.different(said) for said in notes.software.values()], axis=0),
        "by_ssh": counter.members((mask & ssh_mask) != 0) > 0,
        "by_tls": counter.members((mask & ~ssh_mask) != 0) > 0,
        "known": np.isin(keys, keys_with(evidence, Flaw.KNOWN_KEY)),
        **certificates.counts,
        "owner_hosts": counter.members(_owned(notes, member, certificates.owner[of])),
        "cdn_hosts": counter.where(_in_network(notes, "cdn")),
        "hoster_hosts": counter.where(_in_network(notes, "hoster")),
    }
    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    return KeyFacts(keys, cluster[first], of, member, table, certificates)


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts over the members of groups."""

    group: Codes
    """Group of each member, from 0."""
    member: Codes
    """Place of its host in HostNotes."""
    groups: int

    def sizes(self) -> Codes:
        """Members of each group."""
        return np.bincount(self.group, minlength=self.groups)

    def members(self, flags: npt.NDArray[np.bool_]) -> Codes:
        """Members of each group for which a flag, one per member, is set."""
        return np.bincount(self.group[flags], minlength=self.groups)

    def where(self, flags: npt.NDArray[np.bool_]) -> Codes:
        """Members of each group for whose host a flag is set."""
        return self.members(flags[self.member])

    def different(self, values: npt.NDArray[np.integer]) -> Codes:
        """Different values that the hosts of each group have; negative ones are unknown and do not count."""
        value = values[self.member].astype(np.int64)
        known = value >= 0
        group, value = self.group[known], value[known]
        if not len(value):
            return np.zeros(self.groups, np.int64)
        pairs = np.sort(group * (int(value.max()) + 1) + value)
        once = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
        return np.bincount(once // (int(value.max()) + 1), minlength=self.groups)


def _own_keys(evidence: Evidence, counter: Counter) -> dict[str, Codes]:
    """How many different keys the hosts have, by SSH and by TLS: in the place that most show, or that differs most."""
    none = np.zeros(counter.groups, np.int64)
    ssh_known, ssh_keys, tls_known, tls_keys = none, none, none, none
    slots = key_slots(evidence)
    for column, is_ssh in zip(slots.keys, slots.is_ssh, strict=True):
        known, different = counter.where(column != NOTHING), counter.different(column)
        if is_ssh:
            more = known > ssh_known
            ssh_known, ssh_keys = np.where(more, known, ssh_known), np.where(more, different, ssh_keys)
        else:
            more = different > tls_keys
            tls_known, tls_keys = np.where(more, known, tls_known), np.where(more, different, tls_keys)
    return {"ssh_known": ssh_known, "ssh_keys": ssh_keys, "tls_known": tls_known, "tls_keys": tls_keys}


def _in_network(notes: HostNotes, kind: str) -> npt.NDArray[np.bool_]:
    """Whether each host is in an AS whose organisation matches a row of this kind."""
    found = first_matching(kind, "as_org", notes.as_orgs) >= 0
    return np.asarray(np.append(found, False)[notes.as_org])


def _owned(notes: HostNotes, member: Codes, owner: Codes) -> npt.NDArray[np.bool_]:
    """Whether each member is in an AS of the owner of its key's well-known name."""
    owned = np.zeros(len(member), np.bool_)
    of_org = np.append(first_matching("well_known", "as_org", notes.as_orgs), UNKNOWN)[notes.as_org]
    for place in range(len(patterns("well_known"))):
        owned |= (owner == place) & (of_org[member] == place)
    return owned
