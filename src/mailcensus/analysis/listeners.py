"""How many hosts listen, and how many show a key, service by service and over all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.database_functions import bit_count
from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column, Outcome, Stage

ALL_TLS, ALL_SSH, ALL = "all TLS", "all SSH", "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRow:
    """One service, or several together."""

    service: Annotated[str, Column("row of the services table; all TLS, all SSH and all: over several")]
    port: Annotated[int | None, Column("its standard port; null: several")]
    host_ports: Annotated[int, Column("hosts and services that took the connection")]
    crypto_host_ports: Annotated[int, Column("of these: showed a key")]
    crypto_share: Annotated[float | None, Column("crypto_host_ports / host_ports")]
    hosts_crypto: Annotated[int, Column("hosts that showed a key on any of these services")]
    hosts_no_crypto: Annotated[
        int, Column("hosts asked that showed none; those that did not answer among them")
    ]
    keys: Annotated[int, Column("different keys shown on these services")]


def listeners(evidence: Evidence) -> ibis.Table:
    """Listeners, and what of them shows keys.

    Returns:
        One row per service asked by standard port, then the TLS services together, SSH, and all. A host with five
        TLS services is five host_ports of `all TLS` and one of its hosts_crypto.
    """
    services, hosts = evidence.services, evidence.hosts
    groups = _groups(evidence)
    showing, keys, kinds = evidence.showing_hosts, evidence.shown_keys, evidence.grab_kinds
    masks = showing.group_by("mask").agg(hosts=showing.count())
    met = masks.join(groups, (masks.mask & groups.members) != 0)
    shown = met.group_by("place").agg(
        hosts_crypto=met.hosts.sum(), crypto_host_ports=(met.hosts * bit_count(met.mask & met.members)).sum()
    )
    masks = keys.group_by("mask").agg(rows=keys.count())
    met = masks.join(groups, (masks.mask & groups.members) != 0)
    of_keys = met.group_by("place").agg(keys=met["rows"].sum())
    connected = kinds.filter((kinds.stage != str(Stage.CONNECT)) & (kinds.outcome != str(Outcome.EXCLUDED)))
    each = connected.join(services.select("service", "bit"), "service")
    met = each.join(groups.drop("service"), (each.bit & groups.members) != 0)
    listening = met.group_by("place").agg(host_ports=met.grabs.sum())
    rows = (
        groups.left_join(listening, "place").drop("place_right").left_join(shown, "place").drop("place_right")
    )
    rows = (
        rows.left_join(of_keys, "place").drop("place_right").cross_join(hosts.aggregate(asked=hosts.count()))
    )
    counts = ("host_ports", "crypto_host_ports", "hosts_crypto", "keys")
    rows = rows.mutate(**{name: rows[name].fill_null(0) for name in counts})
    return rows.mutate(
        crypto_share=rows.crypto_host_ports / rows.host_ports.nullif(0),
        hosts_no_crypto=rows.asked - rows.hosts_crypto,
    ).order_by("place")


def _groups(evidence: Evidence) -> ibis.Table:
    """Services one by one and together: place, service, port, members (a mask)."""
    asked = evidence.services.select("service", "port", "bit", "ssh").order_by("bit").to_pyarrow().to_pylist()
    ssh = evidence.ssh_mask
    both = sum(row["bit"] for row in asked)
    groups = [(row["service"], row["port"], row["bit"]) for row in asked]
    if asked:
        groups += [(ALL_TLS, None, both & ~ssh), (ALL_SSH, None, ssh), (ALL, None, both)]
    columns = ("service", "port", "members")
    rows = [dict(zip(columns, group, strict=True), place=place) for place, group in enumerate(groups)]
    schema = {"service": "string", "port": "int64", "members": "int64", "place": "int64"}
    return ibis.memtable(rows, schema=ibis.schema(schema))
