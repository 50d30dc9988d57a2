"""Protocol versions, in clusters and outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.sightings import SSH_VERSIONS
from mailcensus.model import Column
from mailcensus.wire.tls.codes import VERSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One protocol version on one service."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    version: Annotated[str, Column("TLS version chosen, or SSH version said")]
    hosts: Annotated[int, Column("hosts whose last grab has it")]
    known: Annotated[int, Column("hosts whose version on this service is known")]
    share: Annotated[float, Column("hosts / known")]
    clustered: Annotated[int, Column("of hosts: share a key with another host")]
    known_clustered: Annotated[int, Column("of known: share a key with another host")]
    clustered_share: Annotated[float | None, Column("clustered / known_clustered")]
    alone: Annotated[int, Column("of hosts: share no key")]
    known_alone: Annotated[int, Column("of known: share no key")]
    alone_share: Annotated[float | None, Column("alone / known_alone")]


def versions(evidence: Evidence) -> ibis.Table:
    """Versions negotiated with our default hello, not every version that servers would take.

    Returns:
        One row per service and version. Shares are of the hosts whose version on that service is known, of those
        in clusters, and of those outside.
    """
    answers = evidence.answers
    said = answers.filter(answers.version.notnull() & ~answers.again).select("host", "bit", "version")
    members = evidence.cluster_members.select(member="host")
    each = said.left_join(members, said.host == members.member)
    counts = each.group_by("bit", "version").agg(hosts=each.count(), clustered=each.member.count())
    counts = evidence.dataset.put("version_counts", counts)
    whole = counts.group_by("bit").agg(known=counts.hosts.sum(), known_clustered=counts.clustered.sum())
    rows = counts.join(whole, "bit").join(evidence.services, "bit")
    rows = rows.join(_names(evidence, counts.select("version").distinct()), "version").drop("version")
    rows = rows.mutate(alone=rows.hosts - rows.clustered, known_alone=rows.known - rows.known_clustered)
    return rows.mutate(
        version=rows.name,
        share=rows.hosts / rows.known,
        clustered_share=rows.clustered / rows.known_clustered.nullif(0),
        alone_share=rows.alone / rows.known_alone.nullif(0),
    ).order_by("port", "service", "version")


def _names(evidence: Evidence, found: ibis.Table) -> ibis.Table:
    """Names of versions: version, name."""
    codes = found.filter(found.version < SSH_VERSIONS).version.to_pyarrow().to_pylist()
    tls = [{"name": VERSIONS.get(code, f"0x{code:04x}"), "version": code} for code in codes]
    named = ibis.memtable(tls, schema={"name": "string", "version": "int32"})
    return ibis.union(named, evidence.ssh_versions.select("name", "version"))
