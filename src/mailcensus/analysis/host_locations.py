"""Where hosts are: one row per pair of coordinates, for maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLocationRow:
    """One location: a pair of coordinates, as the database has it."""

    latitude: Annotated[float, Column("degrees north")]
    longitude: Annotated[float, Column("degrees east")]
    city: Annotated[str | None, Column("as the database spells it; of several the first by alphabet")]
    region: Annotated[str | None, Column("as the database spells it; of several the first by alphabet")]
    country: Annotated[str | None, Column("ISO 3166-1 alpha-2")]
    hosts: Annotated[int, Column("hosts that took a connection there, anycast addresses left out")]
    sharing: Annotated[int, Column("of these: show a key that another host shows too")]
    known: Annotated[int, Column("of these: show any key")]
    share: Annotated[float | None, Column("sharing / known")]


def host_locations(evidence: Evidence) -> ibis.Table:
    """Hosts by location.

    Returns:
        One row per location with a host, most hosts first; latitude and longitude are those of the database.
    """
    hosts = evidence.hosts.filter(evidence.hosts.connected)
    facts = of_run(evidence.dataset.table("hosts"), evidence.run_id)
    located = facts.filter(
        facts.latitude.notnull() & facts.longitude.notnull() & ~facts.anycast.fill_null(False)
    ).select("ip", "latitude", "longitude", "city", "region", "country")
    placed = hosts.select("host", "ip").join(located, "ip")
    showing = evidence.showing_hosts.select("host").mutate(shows=True)
    members = evidence.cluster_members.select("host").mutate(shares=True)
    placed = placed.left_join(showing, "host").drop("host_right")
    placed = placed.left_join(members, "host").drop("host_right")
    counts = placed.group_by("latitude", "longitude").agg(
        city=placed.city.min(), region=placed.region.min(), country=placed.country.min(),
        hosts=placed.host.nunique(), sharing=placed.host.nunique(where=placed.shares),
        known=placed.host.nunique(where=placed.shows),
    )  # fmt: skip
    counts = counts.mutate(share=counts.sharing / counts.known.nullif(0))
    return counts.order_by(counts.hosts.desc(), counts.latitude, counts.longitude)
