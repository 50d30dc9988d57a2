"""What users' connections showed of servers, beside what a scan of the same servers shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import and_all, in_order
from mailcensus.analysis.passive.seen import mail
from mailcensus.analysis.posture.by_service import share
from mailcensus.dataset.tables import final_grabs
from mailcensus.model import Column, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideScanRow:
    """Servers of one service that users talk to, and what the newest run's last grab of each shows."""

    service: Annotated[str, Column("row of the services table; all: every service together")]
    port: Annotated[int | None, Column("its standard port")]
    servers: Annotated[int, Column("servers that users talk to")]
    servers_asked: Annotated[int, Column("of servers: the run asked them for this service")]
    servers_answering: Annotated[
        int, Column("of servers_asked: took the connection and ended neither rate_limited nor timeout")
    ]
    connections: Annotated[int, Column("connections of users")]
    connections_asked: Annotated[int, Column("of connections: to servers_asked")]
    connections_asked_share: Annotated[float | None, Column("connections_asked / connections")]
    scan_hosts: Annotated[int, Column("hosts that chose a TLS version in the scan, users or not")]
    scan_hosts_used: Annotated[int, Column("of scan_hosts: users talk to them")]
    used_share: Annotated[float | None, Column("scan_hosts_used / scan_hosts")]
    version_known: Annotated[int, Column("servers whose TLS version is known both ways")]
    version_same: Annotated[int, Column("of version_known: users' highest is the scan's")]
    version_lower: Annotated[int, Column("of version_known: users' highest is below the scan's")]
    leaf_known: Annotated[int, Column("servers whose end-host certificate was seen both ways")]
    leaf_same: Annotated[int, Column("of leaf_known: users were shown the scan's, at least once")]
    leaf_same_share: Annotated[float | None, Column("leaf_same / leaf_known")]
    starttls_known: Annotated[int, Column("servers of which both ways tell whether they offer STARTTLS")]
    starttls_only_scan: Annotated[int, Column("of starttls_known: the scan is offered it and no user was")]
    starttls_only_users: Annotated[
        int, Column("of starttls_known: a user was offered it and the scan was not")
    ]


_UNKNOWN = (str(Outcome.RATE_LIMITED), str(Outcome.TIMEOUT))


def passive_beside_scan(evidence: Evidence) -> ibis.Table:
    """The join of `flows` with the same study's `grabs`.

    Returns:
        One row per service that users talk to. Ports are those of the services table both ways.
    """
    used, scanned = _used(evidence), _scanned(evidence)
    both = used.left_join(scanned, ["ip", "service"]).drop("ip_right", "service_right")
    rows = and_all(both)
    known = rows.version.notnull() & rows.scan_version.notnull()
    leaf = rows.leaves.notnull() & (rows.leaves.length() > 0) & rows.scan_leaf.notnull()
    starttls = rows.starttls.notnull() & rows.scan_starttls.notnull()
    asked = rows.asked.fill_null(False)
    counts = rows.group_by("service", "port", "together").agg(
        servers=rows.count(),
        servers_asked=rows.count(where=asked),
        servers_answering=rows.count(where=asked & rows.answering.fill_null(False)),
        connections=rows.connections.sum().cast("int64"),
        connections_asked=rows.connections.sum(where=asked).fill_null(0).cast("int64"),
        scan_hosts_used=rows.count(where=rows.scan_version.notnull()),
        version_known=rows.count(where=known),
        version_same=rows.count(where=known & (rows.version == rows.scan_version)),
        version_lower=rows.count(where=known & (rows.version < rows.scan_version)),
        leaf_known=rows.count(where=leaf),
        leaf_same=rows.count(where=leaf & rows.leaves.contains(rows.scan_leaf)),
        starttls_known=rows.count(where=starttls),
        starttls_only_scan=rows.count(where=starttls & rows.scan_starttls & ~rows.starttls),
        starttls_only_users=rows.count(where=starttls & ~rows.scan_starttls & rows.starttls),
    )
    counts = counts.join(_scan_hosts(used, scanned), "service")
    counts = counts.mutate(
        connections_asked_share=share(counts.connections_asked, counts.connections),
        used_share=share(counts.scan_hosts_used, counts.scan_hosts),
        leaf_same_share=share(counts.leaf_same, counts.leaf_known),
    )
    return in_order(counts)


def _used(evidence: Evidence) -> ibis.Table:
    """Servers that users talk to, one row each."""
    rows = mail(evidence)
    offered = rows.starttls_offered.fill_null(False) | rows.starttls_accepted.fill_null(False)
    known = rows.starttls_offered.notnull() | offered
    return rows.group_by("ip", "service", "port").agg(
        connections=rows.count(),
        version=rows.version.max(where=rows.established.fill_null(False) & (rows.version <= 0x0304)),
        leaves=rows.leaf.collect(distinct=True),
        starttls=offered.any(where=known),
    )


def _scanned(evidence: Evidence) -> ibis.Table:
    grabs = evidence.dataset.table("grabs")
    narrow = grabs.select(
        "run_id", "ip", "service", "attempt",
        asked=grabs.outcome != str(Outcome.EXCLUDED),
        answering=(grabs.stage != "connect") & ~grabs.outcome.isin(_UNKNOWN),
        scan_version=grabs.tls.version, scan_leaf=grabs.tls.leaf_sha256, scan_starttls=grabs.starttls_offered,
    )  # fmt: skip
    return final_grabs(narrow, evidence.run_id).drop("run_id", "attempt")


def _scan_hosts(used: ibis.Table, scanned: ibis.Table) -> ibis.Table:
    """Hosts with TLS in the scan, by service that users talk to, and together."""
    services = used.select("service", "port").distinct()
    found = scanned.filter(scanned.scan_version.notnull()).select("service")
    alike = found.group_by("service").agg(hosts=found.count())
    rows = and_all(services.left_join(alike, "service").drop("service_right"))
    return rows.group_by("service").agg(scan_hosts=rows.hosts.sum().fill_null(0).cast("int64"))
