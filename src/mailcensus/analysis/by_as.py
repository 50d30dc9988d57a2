"""Protection by autonomous system and by software of the mail server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.by_host_group import protection
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import later_attempts, of_run, without_superseded
from mailcensus.model import Column

HOSTS_MIN = 5
"""A system or product with fewer hosts of known hygiene has no rank."""


@dataclass(frozen=True, kw_only=True)
class _Protection:
    """Counts and shares of a group of hosts."""

    hosts: Annotated[int, Column("its hosts that took a connection")]
    tls_known: Annotated[int, Column("their services of which it is known whether they speak TLS")]
    tls: Annotated[int, Column("of these: chose a TLS version")]
    tls_share: Annotated[float | None, Column("tls / tls_known")]
    starttls_known: Annotated[int, Column("their services of which it is known whether they offer STARTTLS")]
    starttls: Annotated[int, Column("of these: offer it")]
    starttls_share: Annotated[float | None, Column("starttls / starttls_known")]
    judged: Annotated[int, Column("their services whose chain was judged by the main root store")]
    valid: Annotated[int, Column("of these: valid")]
    valid_share: Annotated[float | None, Column("valid / judged")]
    hygiene_known: Annotated[int, Column("its hosts whose hygiene index is known")]
    mean_hygiene: Annotated[float | None, Column("mean index of these; 0 is best, 6 is worst")]
    best: Annotated[
        int | None, Column("rank by mean_hygiene, best first; null: fewer than 5 hosts with a known index")
    ]
    worst: Annotated[int | None, Column("the same, worst first")]


@dataclass(frozen=True, kw_only=True)
class _System:
    """Named first."""

    asn: Annotated[int | None, Column("its number; null: hosts whose system is unknown")]
    as_org: Annotated[str | None, Column("who runs it")]


@dataclass(frozen=True, kw_only=True)
class _Product:
    """Named first."""

    product: Annotated[str | None, Column("the product; null: hosts whose SMTP servers name none")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRow(_Protection, _System):
    """One autonomous system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(_Protection, _Product):
    """One product that SMTP servers name."""


def by_as(evidence: Evidence) -> ibis.Table:
    """Autonomous systems.

    Returns:
        One row per system, most hosts first; the unknown are a row of their own.
    """
    facts = evidence.host_facts.select("host", "asn", "as_org")
    names = facts.group_by("asn").agg(as_org=facts.as_org.min())
    rows = _ranked(protection(evidence, facts.select("host", "asn"), "asn"), "asn")
    rows = rows.left_join(names, "asn").drop("asn_right")
    return rows.order_by(ibis.desc("hosts"), "asn")


def by_software(evidence: Evidence) -> ibis.Table:
    """Products that hosts' SMTP servers name; what counts are all services of these hosts.

    Returns:
        One row per product, most hosts first. A host that names two on different ports is in two rows.
    """
    grabs = evidence.dataset.table("grabs")
    asked = of_run(grabs, evidence.run_id)
    named = asked.greeting.notnull() | asked.software.notnull()
    said = asked.filter((asked.protocol == "smtp") & named)
    said = said.select("ip", "service", "attempt", product=said.software)
    final = (
        without_superseded(said, later_attempts(grabs, evidence.run_id)).select("ip", "product").distinct()
    )
    members = final.join(evidence.hosts.select("ip", "host"), "ip").drop("ip")
    rows = _ranked(protection(evidence, members, "product"), "product")
    return rows.order_by(ibis.desc("hosts"), "product")


def _ranked(rows: ibis.Table, name: str) -> ibis.Table:
    counts = (rows.hygiene_known >= HOSTS_MIN) & rows[name].notnull()

    def rank(order: ibis.Value) -> ibis.Value:
        place = ibis.row_number().over(ibis.window(group_by=counts, order_by=[order, rows[name]]))
        return counts.ifelse(place + 1, ibis.null("int64"))

    return rows.mutate(best=rank(rows.mean_hygiene.asc()), worst=rank(rows.mean_hygiene.desc()))
