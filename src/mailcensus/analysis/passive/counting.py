"""Connections and servers, counted apart: by service, and over all services.

A server that shows two of a kind counts in both rows, so shares of servers may add up to more than one. Over all
services a server is an address and a service, as in each of them.
"""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import ALL, share


def by_both(
    evidence: Evidence, name: str, rows: ibis.Table, *keys: str, within: tuple[str, ...] = ()
) -> ibis.Table:
    """Rows of flows, counted by connection and by server.

    Args:
        name: of the table that is held on the way.
        rows: server, service, port and `keys`, one row for each flow.
        within: those of the keys within which shares are worked out.

    Returns:
        service, port (null: all services), together, keys, connections, known_connections, connection_share, servers,
        known_servers, server_share. `known_` is everybody with any value of the other keys.
    """
    by = ["server", "service", "port", *keys]
    alike = evidence.dataset.put(name, rows.group_by(by).agg(connections=rows.count()))
    each = and_all(alike)
    counts = each.group_by("service", "port", "together", *keys).agg(
        connections=each.connections.sum().cast("int64"), servers=each.count()
    )
    base = ["service", "port", "together", *within]
    known = each.group_by(base).agg(
        known_connections=each.connections.sum().cast("int64"), known_servers=each.server.nunique()
    )
    same = [counts[key].identical_to(known[key]) for key in base]
    both = counts.join(known, same)
    both = both.select(*counts.columns, "known_connections", "known_servers")
    return both.mutate(
        connection_share=share(both.connections, both.known_connections),
        server_share=share(both.servers, both.known_servers),
    )


def and_all(rows: ibis.Table) -> ibis.Table:
    """Rows with `together` false, and all of them again as those of the service `all`."""
    columns = [name for name in rows.columns if name not in ("service", "port")]
    each = rows.select("service", "port", *columns, together=ibis.literal(False))
    whole = rows.select(
        *columns, service=ibis.literal(ALL), port=ibis.null(rows.port.type()), together=ibis.literal(True)
    )
    return ibis.union(each, whole.select(*each.columns))


def where(rows: ibis.Table, condition: ibis.Value) -> ibis.Value:
    """How many rows a condition is true of; null is not true."""
    return rows.count(where=condition.fill_null(False))


def servers_where(rows: ibis.Table, condition: ibis.Value) -> ibis.Value:
    """How many servers have a row of which a condition is true."""
    return rows.server.nunique(where=condition.fill_null(False))


def in_order(rows: ibis.Table, *then: str | ibis.Value) -> ibis.Table:
    """In the order of ports, all services last."""
    return rows.order_by("together", "port", "service", *then)
