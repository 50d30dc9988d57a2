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

_GRAB_COLUMNS = ("ip", "port", "service", "started_at", "outcome", "stage", "error", "greeting", "software")
_TLS_FIELDS = ("version_name", "cipher_suite_name", "leaf_sha256", "spki_sha256")
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


def certificate_notes(certificates: pa.Table, leaves: pa.ChunkedArray) -> dict[str, CertificateNote]:
    """Notes on the certificates whose SHA-256 is among `leaves`."""
    wanted = certificates.filter(pc.is_in(certificates["sha256"], value_set=pc.unique(leaves)))
    columns = wanted.select(["sha256", "common_name", "sans", "not_after"])
    return {
        sha256: CertificateNote(sha256, common_name, tuple(sans or ()), not_after)
        for sha256, common_name, sans, not_after in zip(
            *(column.to_pylist() for column in columns.columns), strict=True
        )
    }


def grabs_by_cluster(grabs: pa.Table, cluster_hosts: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Flat grabs of each cluster's hosts, clusters in order of their number."""
    flat = flat_grabs(grabs.filter(pc.is_in(grabs["ip"], value_set=cluster_hosts["ip"].combine_chunks())))
    joined = flat.append_column("row", pa.array(range(flat.num_rows)))
    order = (
        joined.select(["ip", "started_at", "row"])
        .join(cluster_hosts.select(["ip", "cluster"]), keys="ip")
        .sort_by([("cluster", "ascending"), ("started_at", "ascending"), ("row", "ascending")])
    )
    ordered = flat.take(order["row"])
    start = 0
    for cluster, run in groupby(order["cluster"].to_pylist()):
        length = sum(1 for _ in run)
        yield cluster, ordered.slice(start, length)
        start += length


def flat_grabs(grabs: pa.Table) -> pa.Table:
    """The columns of evidence, without the nesting."""
    columns = {name: grabs[name] for name in _GRAB_COLUMNS}
    for name in _TLS_FIELDS:
        columns[f"tls_{name}"] = pc.struct_field(grabs["tls"], name)
    columns["identification"] = pc.struct_field(grabs["ssh"], "identification")
    columns["host_keys"] = pc.struct_field(grabs["ssh"], "host_keys")
    return pa.table(columns)


def hosts_of(grabs: pa.Table, notes: Mapping[str, CertificateNote]) -> dict[str, HostEvidence]:
    """Each host's services, by the last grab of each, from flat grabs in the order of time."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    for row in grabs.to_pylist():
        last[row["ip"], row["port"]] = row
    hosts: dict[str, HostEvidence] = {}
    rows = [last[key] for key in sorted(last)]
    for ip, own in groupby(rows, key=itemgetter("ip")):
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
    if row["tls_spki_sha256"]:
        keys[row["tls_spki_sha256"]] = row["tls_leaf_sha256"]
    return ServiceEvidence(
        service=row["service"],
        port=row["port"],
        outcome=row["outcome"],
        stage=row["stage"],
        said=row["greeting"] or row["identification"] or row["error"],
        software=row["software"],
        tls_version=row["tls_version_name"],
        cipher_suite=row["tls_cipher_suite_name"],
        leaf_sha256=row["tls_leaf_sha256"],
        keys=keys,
    )


def _names(services: Sequence[ServiceEvidence], notes: Mapping[str, CertificateNote]) -> list[str]:
    leaves = [notes[s.leaf_sha256] for s in services if s.leaf_sha256 and s.leaf_sha256 in notes]
    return list(dict.fromkeys(name for note in leaves for name in note.names))[:_NAMES_MAX]


def leaves_of(grabs: pa.Table) -> pa.ChunkedArray:
    """SHA-256 of every leaf certificate the grabs saw."""
    return pc.struct_field(grabs["tls"], "leaf_sha256")
