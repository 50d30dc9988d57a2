"""Connections and servers by service, and STARTTLS: tables II and III (passive) of "TLS in the Wild"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import and_all, in_order, servers_where, where
from mailcensus.analysis.passive.seen import mail, seen
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column, TlsMode


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveServiceRow:
    """One service that users were seen to talk to."""

    service: Annotated[str, Column("row of the services table; all: every service together")]
    port: Annotated[int | None, Column("its standard port")]
    connections: Annotated[
        int, Column("connections in which anybody said anything, those set aside left out")
    ]
    servers: Annotated[int, Column("different addresses that they went to")]
    tls_connections: Annotated[int, Column("of connections: TLS was established")]
    tls_connections_known: Annotated[int, Column("of connections: it is known whether")]
    tls_share: Annotated[float | None, Column("tls_connections / tls_connections_known")]
    tls_servers: Annotated[int, Column("of servers: TLS was established with them at least once")]
    set_aside: Annotated[int, Column("other connections: Tor, push services, proxies")]
    cut: Annotated[
        int, Column("of connections: not all of the handshake's part was seen (gap, sampling, end)")
    ]
    midway: Annotated[int, Column("of connections: seen from somewhere after their start")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveStarttlsRow:
    """One service that starts TLS on request, as users' connections went."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    servers: Annotated[int, Column("different addresses")]
    servers_known: Annotated[
        int, Column("of servers: they were seen to offer or take STARTTLS, or not to offer it")
    ]
    servers_supporting: Annotated[int, Column("of servers_known: offered or took it at least once")]
    servers_share: Annotated[float | None, Column("servers_supporting / servers_known")]
    servers_share_of_all: Annotated[
        float | None, Column("servers_supporting / servers, as published; unknown counts as without")
    ]
    connections: Annotated[int, Column("connections")]
    offered_known: Annotated[int, Column("of connections: whether STARTTLS was offered, or taken, is known")]
    offered: Annotated[int, Column("of offered_known: it was")]
    offered_share: Annotated[float | None, Column("offered / offered_known")]
    upgrade_known: Annotated[int, Column("of connections: it is known whether they went on with TLS")]
    upgraded: Annotated[int, Column("of upgrade_known: they did, TLS was established")]
    upgraded_share: Annotated[float | None, Column("upgraded / upgrade_known")]
    not_upgraded: Annotated[int, Column("of offered: known to have gone on without")]
    published: Published
    source: Source


def passive_services(evidence: Evidence) -> ibis.Table:
    """Table II: connections and servers.

    Returns:
        One row per service with any connection.
    """
    rows = and_all(seen(evidence))
    kept = rows.set_aside.isnull()
    counts = rows.group_by("service", "port", "together").agg(
        connections=where(rows, kept),
        servers=servers_where(rows, kept),
        tls_connections=where(rows, kept & rows.established),
        tls_connections_known=where(rows, kept & _tls_known(rows)),
        tls_servers=servers_where(rows, kept & rows.established),
        set_aside=where(rows, ~kept),
        cut=where(rows, kept & rows.cut.notnull()),
        midway=where(rows, kept & ~rows.from_start),
    )
    counts = counts.mutate(tls_share=share(counts.tls_connections, counts.tls_connections_known))
    return in_order(beside(counts, "passive_services"))


def passive_starttls(evidence: Evidence) -> ibis.Table:
    """Table III, passive: servers that support STARTTLS, connections that were offered it, and that used it.

    Returns:
        One row per service with STARTTLS and any connection. What is not known is in no denominator.
    """
    rows = mail(evidence)
    rows = rows.filter(rows["mode"] == str(TlsMode.STARTTLS))
    offered = rows.starttls_offered.fill_null(False) | rows.starttls_accepted.fill_null(False)
    known = rows.starttls_offered.notnull() | offered
    counts = rows.group_by("service", "port").agg(
        servers=rows.server.nunique(),
        servers_known=servers_where(rows, known),
        servers_supporting=servers_where(rows, offered),
        connections=rows.count(),
        offered_known=where(rows, known),
        offered=where(rows, offered),
        upgrade_known=where(rows, rows.upgraded.notnull()),
        upgraded=where(rows, rows.upgraded),
        not_upgraded=where(rows, offered & ~rows.upgraded),
    )
    counts = counts.mutate(
        servers_share=share(counts.servers_supporting, counts.servers_known),
        servers_share_of_all=share(counts.servers_supporting, counts.servers),
        offered_share=share(counts.offered, counts.offered_known),
        upgraded_share=share(counts.upgraded, counts.upgrade_known),
    )
    return beside(counts, "passive_starttls").order_by("port", "service")


def _tls_known(rows: ibis.Table) -> ibis.Value:
    """Whether TLS was established is known: it was looked for, or the connection is known to have stayed without."""
    return (
        rows.established.notnull()
        | rows.upgraded.notnull()
        | (rows.tls_mode == str(TlsMode.NONE)).fill_null(False)
    )
