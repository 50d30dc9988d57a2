"""How many of each a domain has, and how many domains each serves: redundancy and concentration at every level.

A *unit* of a level is an exchange, an address, a /24 (IPv6: /48), an AS, a location, a country or a provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import (
    MailDomains,
    grouped,
    in_group_order,
    mail_domains,
    share,
)
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, ExchangeState

LEVELS = ("preference", "exchange", "address", "network", "as", "location", "country", "provider")
"""From the nearest to the farthest, as the tables are ordered. `preference` is no unit that serves domains."""
UNITS_MAX = 50
"""Units of each group and level in `shared_fate`."""
_ANSWERED = [
    str(state)
    for state in (ExchangeState.OK, ExchangeState.CNAME, ExchangeState.NO_ADDRESS, ExchangeState.NXDOMAIN)
]
"""Of other exchanges it is not known which addresses they have."""

Level = Annotated[
    str,
    Column(
        "preference (a value of MX records), exchange, address, network (/24 or /48), as, location, country or provider"
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancyRow:
    """How many domains have so many units."""

    group: Group
    level: Level
    units: Annotated[int, Column("different units of the level that a domain has")]
    domains: Annotated[int, Column("domains that have so many")]
    known: Annotated[int, Column("domains of the group with one unit or more that is known")]
    share: Annotated[float | None, Column("domains / known")]
    at_most_share: Annotated[float | None, Column("domains with so many or fewer / known: the CDF")]
    at_least_share: Annotated[float | None, Column("domains with so many or more / known")]
    incomplete: Annotated[
        int, Column("of domains: some of their servers' units are not known, so they may have more")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainsPerUnitRow:
    """How many units serve so many domains."""

    group: Group
    level: Level
    domains: Annotated[int, Column("different domains of the group that a unit serves")]
    units: Annotated[int, Column("units that serve so many")]
    of: Annotated[int, Column("units that serve any domain of the group")]
    share: Annotated[float | None, Column("units / of")]
    at_least_share: Annotated[float | None, Column("units that serve so many or more / of")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFateRow:
    """One unit, and the domains that would lose mail with it."""

    group: Group
    level: Level
    unit: Annotated[str, Column("its name: an exchange, an address, AS number, coordinates, ...")]
    words: Annotated[str | None, Column("what it is called: an organisation, a city, a provider's name")]
    lost: Annotated[
        int, Column("domains that have no other unit: if it fails, their mail cannot be delivered")
    ]
    lost_share: Annotated[float | None, Column("lost / known")]
    first: Annotated[int, Column("domains whose exchanges of the lowest preference all depend on it")]
    domains: Annotated[int, Column("domains that have it among others or alone")]
    domain_share: Annotated[float | None, Column("domains / known")]
    known: Annotated[int, Column("domains of the group with a unit of the level that is known")]
    incomplete: Annotated[
        int, Column("of lost: domains with servers whose unit is not known, which may save them")
    ]


def redundancy(evidence: Evidence) -> ibis.Table:
    """The distribution of units per domain, at every level (the study's CDFs of locations and of AS).

    Returns:
        One row per group, level and number of units that occurs.
    """
    each = _per_domain(evidence)
    rows = grouped(evidence, each).group_by("group", "level", "units")
    counts = rows.agg(domains=lambda t: t.count(), incomplete=lambda t: t.incomplete.sum())
    whole = ibis.window(group_by=["group", "level"])
    up = ibis.window(group_by=["group", "level"], order_by="units", preceding=None, following=0)
    known, so_far = counts.domains.sum().over(whole), counts.domains.sum().over(up)
    counts = counts.mutate(
        known=known, share=share(counts.domains, known), at_most_share=share(so_far, known),
        at_least_share=share(known - so_far + counts.domains, known), order=_order(counts),
    )  # fmt: skip
    return in_group_order(evidence, counts, "order", "units")


def domains_per_unit(evidence: Evidence) -> ibis.Table:
    """The distribution of domains per unit, at every level but preference.

    Returns:
        One row per group, level and number of domains that occurs.
    """
    each = _units(evidence).filter(lambda t: t.unit.notnull() & (t.level != "preference"))
    rows = grouped(evidence, each.select("level", "domain", "unit").distinct())
    serving = rows.group_by("group", "level", "unit").agg(domains=rows.domain.nunique())
    counts = serving.group_by("group", "level", "domains").agg(units=serving.count())
    whole = ibis.window(group_by=["group", "level"])
    down = ibis.window(
        group_by=["group", "level"], order_by=ibis.desc("domains"), preceding=None, following=0
    )
    of, so_far = counts.units.sum().over(whole), counts.units.sum().over(down)
    counts = counts.mutate(
        of=of, share=share(counts.units, of), at_least_share=share(so_far, of), order=_order(counts)
    )
    return in_group_order(evidence, counts, "order", "domains")


def shared_fate(evidence: Evidence) -> ibis.Table:
    """The units with which most domains would lose mail.

    Returns:
        At most UNITS_MAX rows per group and level: those with which most domains lose all, then most domains.
    """
    units = _units(evidence).filter(lambda t: t.level != "preference")
    known = units.filter(units.unit.notnull())
    firsts = (
        known.filter(known["rank"] == 1).group_by("level", "domain").agg(first_units=known.unit.nunique())
    )
    rows = known.group_by("level", "domain", "unit").agg(best=known["rank"].min())
    rows = rows.join(_per_domain(evidence), ["level", "domain"])
    rows = rows.left_join(firsts, ["level", "domain"]).drop("level_right", "domain_right")
    rows = grouped(evidence, rows)
    lost, first = rows.units == 1, (rows.best == 1) & (rows.first_units == 1)
    counts = rows.group_by("group", "level", "unit").agg(
        lost=lost.sum(),
        first=first.sum().fill_null(0),
        domains=rows.count(),
        incomplete=(lost & rows.incomplete).sum(),
    )
    sizes = rows.group_by("group", "level").agg(known=rows.domain.nunique())
    counts = counts.join(sizes, ["group", "level"])
    counts = counts.mutate(
        lost_share=share(counts.lost, counts.known), domain_share=share(counts.domains, counts.known)
    )
    order = [counts.lost.desc(), counts.domains.desc(), counts.unit]
    ranked = counts.mutate(
        row=ibis.row_number().over(group_by=["group", "level"], order_by=order), order=_order(counts)
    )
    kept = ranked.filter(ranked.row < UNITS_MAX)
    named = kept.left_join(_words(evidence), ["level", "unit"]).drop("level_right", "unit_right")
    return in_group_order(evidence, named, "order", "row")


def _units(evidence: Evidence) -> ibis.Table:
    """level, domain, unit (null: not known), rank: every unit of every exchange or server of every domain, held."""
    return evidence.once("mail_units", lambda: evidence.dataset.put("mail_units", _all_units(evidence)))


def _all_units(evidence: Evidence) -> ibis.Table:
    mail = mail_domains(evidence)
    exchanges, placed = mail.exchanges, _servers_or_unknown(mail)
    of_server = {
        "address": placed.ip, "network": placed.network, "as": placed.asn.cast("string"),
        "location": placed.location, "country": placed.country,
    }  # fmt: skip
    parts = [
        _level(exchanges, "preference", exchanges.preference.cast("string")),
        _level(exchanges, "exchange", exchanges.exchange),
        *(_level(placed, level, unit) for level, unit in of_server.items()),
        _level(_providers(evidence), "provider", ibis._.provider),
    ]
    return reduce(ibis.union, parts).distinct()


def _servers_or_unknown(mail: MailDomains) -> ibis.Table:
    """Servers with their facts; a row of nulls for an exchange whose addresses are not known."""
    placed = mail.servers.join(mail.addresses, "ip")
    unknown = mail.exchanges.filter(mail.exchanges.state.notin(_ANSWERED)).select("domain", "rank")
    columns = ("ip", "network", "asn", "location", "country")
    nulls = {name: ibis.null(placed[name].type()) for name in columns}
    return placed.select("domain", "rank", *columns).union(unknown.mutate(**nulls))


def _level(rows: ibis.Table, level: str, unit: ibis.Value) -> ibis.Table:
    return rows.select("domain", "rank", level=ibis.literal(level), unit=unit)


def _providers(evidence: Evidence) -> ibis.Table:
    """domain, rank, provider (null: unknown), provider_name: of every exchange."""
    found = of_run(evidence.dataset.table("mx_providers"), evidence.run_id)
    exchanges = mail_domains(evidence).exchanges
    named = found.group_by("domain", "exchange").agg(
        provider=found.provider.min(), provider_name=found.provider_name.min()
    )
    rows = exchanges.join(named, ["domain", "exchange"])
    return rows.select("domain", "rank", "provider", "provider_name")


def _per_domain(evidence: Evidence) -> ibis.Table:
    """level, domain, units (1 or more), incomplete (some are not known)."""
    units = _units(evidence)
    each = units.group_by("level", "domain").agg(
        units=units.unit.nunique(), incomplete=units.unit.isnull().any()
    )
    return each.filter(each.units > 0)


def _words(evidence: Evidence) -> ibis.Table:
    """level, unit, words: of AS, locations and providers."""
    mail, providers = mail_domains(evidence), _providers(evidence)
    known = mail.addresses
    systems = known.group_by(unit=known.asn.cast("string")).agg(words=known.as_org.min())
    city = ibis.literal(", ").join([known.city, known.region, known.country])
    places = known.group_by(unit=known.location).agg(words=city.min())
    names = providers.group_by(unit=providers.provider).agg(words=providers.provider_name.min())
    levels = {"as": systems, "location": places, "provider": names}
    parts = [rows.select("unit", "words", level=ibis.literal(level)) for level, rows in levels.items()]
    return reduce(ibis.union, parts).filter(ibis._.unit.notnull())


def _order(rows: ibis.Table) -> ibis.Value:
    return rows.level.cases(*((level, place) for place, level in enumerate(LEVELS)), else_=len(LEVELS))
