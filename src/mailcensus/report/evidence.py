"""What each host of a cluster said and which names its certificates carry: the evidence behind a cluster.

Read from grabs, one cluster at a time so that a large study needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mailcensus.dataset.tables import Dataset, final_grabs

_NAMES_MAX = 12


@dataclass(frozen=True, slots=True)
class CertificateNote:
    """What an operator needs to recognise a certificate."""

    sha256: str
    common_name: str | None
    sans: tuple[str, ...]
    not_after: datetime | None

    @property
    def names(self) -> list[str]:
        """Common name first, then the other names, each once."""
        named = [self.common_name] if self.common_name else []
        return list(dict.fromkeys([*named, *self.sans]))


@dataclass(frozen=True, slots=True)
class ServiceEvidence:
    """One service of one host, as it was last seen."""

    service: str
    port: int
    outcome: str
    stage: str
    said: str | None
    """Greeting or identification; where there is none, what went wrong."""
    software: str | None
    tls_version: str | None
    cipher_suite: str | None
    leaf_sha256: str | None
    keys: Mapping[str, str]
    """Canonical key -> the protocol's own fingerprint."""


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """One host of a cluster."""

    ip: str
    services: Sequence[ServiceEvidence]
    names: Sequence[str]
    """From its certificates, at most twelve."""


@dataclass(slots=True)
class KeyEvidence:
    """How a key was seen, over the hosts of its cluster."""

    ssh_fingerprints: set[str] = field(default_factory=set)
    certificates: set[str] = field(default_factory=set)


def certificate_notes(dataset: Dataset, grabs: pa.Table) -> dict[str, CertificateNote]:
    """Notes on the leaf certificates of these flat grabs."""
    table = dataset.table("certificates").select("sha256", "common_name", "sans", "not_after")
    leaves = dataset.put("report_leaves", pa.table({"sha256": pc.unique(grabs["leaf_sha256"]).drop_null()}))
    notes = table.semi_join(leaves, "sha256").to_pyarrow()
    return {
        sha256: CertificateNote(sha256, common_name, tuple(sans or ()), not_after)
        for sha256, common_name, sans, not_after in zip(
            *(column.to_pylist() for column in notes.columns), strict=True
        )
    }


def cluster_grabs(dataset: Dataset, run_id: str | None, cluster_hosts: pa.Table) -> pa.Table:
    """The last grab of each service of each host in a cluster, flat, in order of cluster, host and port."""
    grabs = dataset.table("grabs")
    flat = grabs.select(
        *("run_id", "ip", "port", "service", "attempt"),
        *("outcome", "stage", "error", "greeting", "software"),
        tls_version=grabs.tls.version_name,
        cipher_suite=grabs.tls.cipher_suite_name,
        leaf_sha256=grabs.tls.leaf_sha256,
        spki_sha256=grabs.tls.spki_sha256,
        identification=grabs.ssh.identification,
        host_keys=grabs.ssh.host_keys,
    )
    hosts = dataset.put("report_hosts", cluster_hosts.select(["ip", "cluster"]))
    rows: pa.Table = (
        final_grabs(flat, run_id).join(hosts, "ip").order_by("cluster", "ip", "port").to_pyarrow()
    )
    return rows


def by_cluster(grabs: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Each cluster's slice of `cluster_grabs`."""
    start = 0
    for cluster, run in groupby(grabs["cluster"].to_pylist()):
        length = sum(1 for _ in run)
        yield cluster, grabs.slice(start, length)
        start += length


def hosts_of(grabs: pa.Table, notes: Mapping[str, CertificateNote]) -> dict[str, HostEvidence]:
    """Each host's services, from its slice of `cluster_grabs`."""
    hosts: dict[str, HostEvidence] = {}
    for ip, own in groupby(grabs.to_pylist(), key=itemgetter("ip")):
        services = [_service(row) for row in own]
        hosts[ip] = HostEvidence(ip, services, _names(services, notes))
    return hosts


def key_evidence(hosts: Mapping[str, HostEvidence]) -> dict[str, KeyEvidence]:
    """For every key the hosts show: its SSH fingerprints and the certificates it was shown in."""
    seen: dict[str, KeyEvidence] = {}
    for host in hosts.values():
        for service in host.services:
            for spki, fingerprint in service.keys.items():
                key = seen.setdefault(spki, KeyEvidence())
                if service.leaf_sha256 == fingerprint:
                    key.certificates.add(fingerprint)
                else:
                    key.ssh_fingerprints.add(fingerprint)
    return seen


def _service(row: Mapping[str, Any]) -> ServiceEvidence:
    keys = {key["spki_sha256"]: key["fingerprint"] for key in row["host_keys"] or () if key["spki_sha256"]}
    if row["spki_sha256"]:
        keys[row["spki_sha256"]] = row["leaf_sha256"]
    return ServiceEvidence(
        service=row["service"],
        port=row["port"],
        outcome=row["outcome"],
        stage=row["stage"],
        said=row["greeting"] or row["identification"] or row["error"],
        software=row["software"],
        tls_version=row["tls_version"],
        cipher_suite=row["cipher_suite"],
        leaf_sha256=row["leaf_sha256"],
        keys=keys,
    )


def _names(services: Sequence[ServiceEvidence], notes: Mapping[str, CertificateNote]) -> list[str]:
    leaves = [notes[s.leaf_sha256] for s in services if s.leaf_sha256 and s.leaf_sha256 in notes]
    return list(dict.fromkeys(name for note in leaves for name in note.names))[:_NAMES_MAX]
