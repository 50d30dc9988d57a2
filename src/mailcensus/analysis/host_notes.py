"""What is known about each host of a cluster besides its keys: names, software, networks, where it is.

One row per host, in numerical order of addresses, with names and texts as numbers: the hosts of clusters are half
of all hosts, and machines and causes compare them again and again.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.analysis.database_functions import name_hash
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run, without_superseded
from mailcensus.population.registered_domains import host_name, registered_domain

Codes = npt.NDArray[np.int64]
"""One number per host or key; UNKNOWN where it is not known. Equal numbers mean equal values."""

UNKNOWN = -1
PROTOCOLS = ("smtp", "imap", "pop3", "http", "ssh")
"""Whose software is compared."""
_GREETED = r"^220[ -]+([A-Za-z0-9._-]+)"
"""The name an SMTP server greets with, RFC 5321 section 4.2."""
_NO_NAMES = frozenset({"localdomain", "local", "lan", "internal", "home", "localhost", "invalid", "corp"})
"""Last labels that name nobody: what images and installers leave behind, and RFC 6762, 6761, 8375."""


@dataclass(frozen=True, slots=True)
class HostNotes:
    """One row per host, in numerical order of addresses."""

    host: Codes
    is_v6: npt.NDArray[np.bool_]
    number: Codes
    """IPv4 address; upper half of an IPv6 address."""
    prefix: Codes
    """/24 or /48."""
    asn: Codes
    as_org: Codes
    as_orgs: tuple[str, ...]
    """What `as_org` numbers."""
    country: Codes
    countries: tuple[str, ...]
    name: Codes
    """The name it greets with by SMTP; unknown too where it is no name of anybody's, such as localhost."""
    names: tuple[str, ...]
    placeholder: npt.NDArray[np.bool_]
    """It greets with a name that images and installers leave behind, such as localhost.localdomain."""
    ptr: Codes
    software: dict[str, Codes]
    """Protocol to product and version, as it says itself."""

    def rows_of(self, hosts: Codes) -> Codes:
        """Places of hosts that are all here."""
        return np.asarray(np.searchsorted(self.host, hosts), np.int64)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of hosts, as HostNotes has them."""

    is_v6: npt.NDArray[np.bool_]
    number: Codes
    prefix: Codes


def clustered_hosts(evidence: Evidence) -> Codes:
    """The hosts in clusters, in numerical order of addresses: whose notes `host_notes` has."""
    return evidence.once("clustered_hosts", lambda: np.sort(_numbers(_members(evidence)["host"])))


def places_of(evidence: Evidence) -> Codes:
    """The place of each host in `clustered_hosts`, by its number, which are dense; UNKNOWN: it is in no cluster."""
    clustered = clustered_hosts(evidence)
    places = np.full(int(clustered[-1]) + 1 if len(clustered) else 0, UNKNOWN)
    places[clustered] = np.arange(len(clustered))
    return places


def addresses(evidence: Evidence) -> Addresses:
    """The addresses of the hosts in clusters."""
    members = evidence.cluster_members
    hosts = evidence.hosts.semi_join(members, "host").select("host", "is_v6", "number").to_pyarrow()
    return _placed(hosts.take(np.argsort(_numbers(hosts["host"]))))


def host_notes(evidence: Evidence) -> HostNotes:
    """Notes on the hosts in clusters."""
    return evidence.once("host_notes", lambda: notes_on(evidence, evidence.cluster_members.select("host")))


def notes_on(evidence: Evidence, which: ibis.Table) -> HostNotes:
    """Notes on some hosts.

    Args:
        which: one row per host: host.
    """
    table = _gathered(evidence, which).to_pyarrow().combine_chunks()
    where = _placed(table)
    name, names = _coded(_names(table["name"]))
    as_org, as_orgs = _coded(table["as_org"])
    country, countries = _coded(table["country"])
    return HostNotes(
        host=_numbers(table["host"]),
        is_v6=where.is_v6,
        number=where.number,
        prefix=where.prefix,
        asn=_numbers(table["asn"]),
        as_org=as_org,
        as_orgs=as_orgs,
        country=country,
        countries=countries,
        name=name,
        names=names,
        placeholder=_placeholders(table["name"]),
        ptr=_coded(_names(table["ptr"]))[0],
        software={protocol: _dense(table[protocol]) for protocol in PROTOCOLS},
    )


def domains_of(notes: HostNotes) -> tuple[Codes, tuple[str, ...]]:
    """The registered domain of the name that each host greets with, and the text of each number."""
    domain_of = [registered_domain(name) for name in notes.names]
    domains = sorted({domain for domain in domain_of if domain is not None})
    codes = {domain: code for code, domain in enumerate(domains)}
    by_name = np.array([codes.get(domain or "", UNKNOWN) for domain in domain_of] + [UNKNOWN], np.int64)
    return by_name[notes.name], tuple(domains)


def _members(evidence: Evidence) -> pa.Table:
    return evidence.cluster_members.select("host").to_pyarrow()


def _gathered(evidence: Evidence, which: ibis.Table) -> ibis.Table:
    """One row per host asked for, by number: host, ip, is_v6, number, facts, name, and software of each protocol."""
    hosts = evidence.hosts.semi_join(which, "host").select("host", "ip", "is_v6", "number")
    said = _said(evidence, hosts.select("host", "ip"))
    by_host = said.group_by("host").agg(
        name=said.name.min(), **{p: said.software.min(where=said.protocol == p) for p in PROTOCOLS}
    )
    facts = evidence.host_facts.select("host", "country", "asn", "as_org", "ptr")
    return hosts.left_join(facts, "host").drop("host_right").left_join(by_host, "host").order_by("host")


def _said(evidence: Evidence, hosts: ibis.Table) -> ibis.Table:
    grabs = of_run(evidence.dataset.table("grabs"), evidence.run_id)
    flat = grabs.select(
        "ip", "service", "attempt", "protocol", "greeting", "software", "software_version",
        identification=grabs.ssh.identification,
    )  # fmt: skip
    # By number, so that DuckDB looks at the grabs of these hosts alone.
    final = without_superseded(flat.join(hosts, "ip"), evidence.later.join(hosts, "ip"), "host")
    said = ibis.coalesce(final.identification, final.software + "/" + final.software_version, final.software)
    greeted = ibis.ifelse(final.protocol == "smtp", final.greeting.re_extract(_GREETED, 1), None)
    # What is only compared is hashed, which is quicker to gather; shifted so that it fits a signed number. The hash
    # of null is a number too.
    hashed = (name_hash(said) >> 2).cast("int64")
    software = ibis.ifelse(said.notnull(), hashed, None)
    return final.select("host", "protocol", name=greeted.nullif(""), software=software)


def _names(texts: pa.ChunkedArray) -> pa.Array:
    """Those that name somebody, in lower case; null otherwise."""
    coded = texts.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    known = pa.array([_somebody(text) for text in coded.dictionary.to_pylist()], pa.string())
    return known.take(coded.indices)


def _somebody(text: str | None) -> str | None:
    name = host_name(text)
    return None if name is None or name.rpartition(".")[2] in _NO_NAMES else name


def _placeholders(texts: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    last = "|".join(sorted(_NO_NAMES))
    found = pc.match_substring_regex(texts, rf"(^|\.)({last})$", ignore_case=True).fill_null(False)
    return np.asarray(found.to_numpy())


def _coded(texts: pa.ChunkedArray | pa.Array) -> tuple[Codes, tuple[str, ...]]:
    """Numbers for texts, and the text of each number."""
    array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    coded = array.dictionary_encode()
    return _numbers(coded.indices), tuple(coded.dictionary.to_pylist())


def _dense(hashes: pa.ChunkedArray) -> Codes:
    """Small numbers for hashes."""
    known = np.flatnonzero(np.asarray(hashes.is_valid().to_numpy()))
    codes = np.full(len(hashes), UNKNOWN)
    codes[known] = np.unique(hashes.drop_null().to_numpy(), return_inverse=True)[1]
    return codes


def _numbers(values: pa.ChunkedArray | pa.Array) -> Codes:
    filled = pc.fill_null(values.cast(pa.int64()), UNKNOWN)
    return np.asarray(
        filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
    )


def _placed(hosts: pa.Table) -> Addresses:
    """Addresses of rows of `Evidence.hosts`; prefixes of both families are different numbers."""
    is_v6 = np.asarray(hosts["is_v6"].to_numpy(zero_copy_only=False), np.bool_)
    number = np.asarray(hosts["number"].to_numpy(), np.int64)
    return Addresses(is_v6, number, np.where(is_v6, (number >> 16) | (1 << 56), number >> 8))
