"""Where servers are: countries, locations and anycast (the study's sections on locations and on anycast)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import grouped, in_group_order, is_foreign, mail_domains, share
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column

Group = Annotated[str, Column("all, or a value of the column of the list by which domains are grouped")]
Foreign = Annotated[
    bool | None, Column("not the study's domains.home_country; null: the study names none, or not known")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCountryRow:
    """One country where servers are."""

    group: Group
    country: Annotated[str | None, Column("ISO 3166-1 alpha-2; null: no database says")]
    foreign: Foreign
    exchanges: Annotated[int, Column("different exchanges with a server there")]
    addresses: Annotated[int, Column("different servers there")]
    addresses_known: Annotated[int, Column("servers of the group whose country is known")]
    share: Annotated[float | None, Column("addresses / addresses_known")]
    locations: Annotated[int, Column("different locations there, of addresses that are not anycast")]
    domains: Annotated[int, Column("domains with a server there")]
    domains_known: Annotated[int, Column("domains of the group with a server whose country is known")]
    domain_share: Annotated[float | None, Column("domains / domains_known")]
    only: Annotated[int, Column("of domains: all their servers whose country is known are there")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLocationRow:
    """One location: a pair of coordinates, as the database has it."""

    group: Group
    latitude: Annotated[float, Column("degrees north")]
    longitude: Annotated[float, Column("degrees east")]
    city: Annotated[str | None, Column("as the database spells it; of several the first by alphabet")]
    region: Annotated[str | None, Column("as the database spells it; of several the first by alphabet")]
    country: Annotated[str | None, Column("ISO 3166-1 alpha-2")]
    foreign: Foreign
    addresses: Annotated[int, Column("different servers there, anycast addresses left out")]
    exchanges: Annotated[int, Column("different exchanges with a server there")]
    domains: Annotated[int, Column("domains with a server there")]
    domains_located: Annotated[int, Column("domains of the group with a server whose location is known")]
    share: Annotated[float | None, Column("domains / domains_located")]
    only: Annotated[int, Column("of domains: all their servers whose location is known are there")]
    tried_first: Annotated[int, Column("of domains: an exchange with a server there is tried first")]
    best_rank: Annotated[int, Column("lowest rank that a server there has for a domain: 1 is tried first")]
    operator: Annotated[
        str | None,
        Column("provider that serves most domains there, of those known; of equals the first by alphabet"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAbroadRow:
    """How much of the mail of a group goes abroad."""

    group: Group
    domains: Annotated[int, Column("domains with a server whose country is known")]
    any_abroad: Annotated[int, Column("of these: a server is in another country than home_country")]
    any_share: Annotated[float | None, Column("any_abroad / domains")]
    first_abroad: Annotated[
        int, Column("of these: a server of an exchange that is tried first is in another country")
    ]
    only_abroad: Annotated[int, Column("of these: every server is, as far as is known")]
    only_share: Annotated[float | None, Column("only_abroad / domains")]
    countries: Annotated[tuple[str, ...], Column("the other countries, by alphabet")]
    locations: Annotated[int, Column("different locations there, of addresses that are not anycast")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnycastRow:
    """How much of the mail of a group goes to anycast addresses."""

    group: Group
    addresses: Annotated[int, Column("different servers")]
    known: Annotated[int, Column("of these: a database says whether they are anycast")]
    anycast: Annotated[int, Column("of known: anycast addresses")]
    share: Annotated[float | None, Column("anycast / known")]
    exchanges: Annotated[int, Column("exchanges with an anycast address")]
    rows: Annotated[int, Column("triples of a domain, an exchange and an anycast address, as published")]
    domains: Annotated[int, Column("domains with a server of which it is known")]
    domains_any: Annotated[int, Column("of domains: at least one server is anycast")]
    domains_any_share: Annotated[float | None, Column("domains_any / domains")]
    domains_only: Annotated[int, Column("of domains: every server of which it is known is anycast")]


def server_countries(evidence: Evidence) -> ibis.Table:
    """Servers by country.

    Returns:
        One row per group and country with a server, most domains first.
    """
    rows = _placed(evidence)
    per_domain = rows.filter(rows.country.notnull()).group_by("group", "domain")
    countries = per_domain.agg(countries=rows.country.nunique())
    rows = rows.left_join(countries, ["group", "domain"]).drop("group_right", "domain_right")
    known = countries.group_by("group").agg(domains_known=countries.count())
    counts = rows.group_by("group", "country").agg(
        exchanges=rows.exchange.nunique(), addresses=rows.ip.nunique(), locations=rows.location.nunique(),
        domains=rows.domain.nunique(), only=rows.domain.nunique(where=rows.countries == 1),
    )  # fmt: skip
    counts = counts.left_join(known, "group").drop("group_right")
    counts = counts.mutate(
        domains_known=counts.domains_known.fill_null(0), foreign=_foreign(evidence, counts)
    )
    located = counts.addresses.sum(where=counts.country.notnull()).over(ibis.window(group_by="group"))
    is_known = counts.country.notnull()
    counts = counts.mutate(
        addresses_known=located.fill_null(0),
        share=is_known.ifelse(share(counts.addresses, located), ibis.null("float64")),
        domain_share=is_known.ifelse(share(counts.domains, counts.domains_known), ibis.null("float64")),
        only=is_known.ifelse(counts.only, 0),
    )
    return in_group_order(evidence, counts, counts.domains.desc(), counts.country)


def server_locations(evidence: Evidence) -> ibis.Table:
    """Servers by location.

    Returns:
        One row per group and location with a server that is not anycast, most domains first.
    """
    rows = _placed(evidence).filter(lambda t: t.location.notnull())
    places = rows.group_by("group", "domain").agg(locations=rows.location.nunique())
    rows = rows.join(places, ["group", "domain"])
    counts = rows.group_by("group", "location").agg(
        latitude=rows.latitude.min(), longitude=rows.longitude.min(), city=rows.city.min(),
        region=rows.region.min(), country=rows.country.min(), addresses=rows.ip.nunique(),
        exchanges=rows.exchange.nunique(), domains=rows.domain.nunique(),
        only=rows.domain.nunique(where=rows.locations == 1), best_rank=rows["rank"].min(),
        tried_first=rows.domain.nunique(where=rows["rank"] == 1),
    )  # fmt: skip
    counts = counts.left_join(_operators(evidence, rows), ["group", "location"])
    counts = counts.drop("group_right", "location_right")
    located = places.group_by("group").agg(domains_located=places.count())
    counts = counts.join(located, "group")
    counts = counts.mutate(
        share=share(counts.domains, counts.domains_located), foreign=_foreign(evidence, counts)
    )
    return in_group_order(
        evidence, counts, counts.domains.desc(), counts.addresses.desc(), counts.latitude, counts.longitude
    )


def mail_abroad(evidence: Evidence) -> ibis.Table:
    """Domains whose mail goes to servers abroad.

    Returns:
        One row per group with a server whose country is known; none where the study names no home country.
    """
    placed = _placed(evidence)
    rows = placed.mutate(foreign=_foreign(evidence, placed)).filter(lambda t: t.foreign.notnull())
    each = rows.group_by("group", "domain").agg(
        any=rows.foreign.any(), every=rows.foreign.all(), first=(rows.foreign & (rows["rank"] == 1)).any()
    )
    counts = each.group_by("group").agg(
        domains=each.count(), any_abroad=each["any"].sum(), first_abroad=each["first"].sum(),
        only_abroad=each.every.sum(),
    )  # fmt: skip
    where = rows.group_by("group").agg(
        countries=rows.country.collect(where=rows.foreign, distinct=True),
        locations=rows.location.nunique(where=rows.foreign),
    )
    counts = counts.join(where, "group")
    counts = counts.mutate(
        any_share=share(counts.any_abroad, counts.domains),
        only_share=share(counts.only_abroad, counts.domains),
        countries=counts.countries.fill_null(ibis.literal([], "array<string>")).sort(),
    )
    return in_group_order(evidence, counts)


def anycast_use(evidence: Evidence) -> ibis.Table:
    """Anycast addresses, and the domains that depend on them.

    Returns:
        One row per group with a server.
    """
    rows = _placed(evidence)
    per_domain = rows.filter(rows.anycast.notnull()).group_by("group", "domain")
    each = per_domain.agg(any=rows.anycast.any(), all=rows.anycast.all())
    domains = each.group_by("group").agg(
        domains=each.count(), domains_any=each["any"].sum(), domains_only=each["all"].sum()
    )
    counts = rows.group_by("group").agg(
        addresses=rows.ip.nunique(), known=rows.ip.nunique(where=rows.anycast.notnull()),
        anycast=rows.ip.nunique(where=rows.anycast), exchanges=rows.exchange.nunique(where=rows.anycast),
        rows=rows.anycast.sum().fill_null(0),
    )  # fmt: skip
    counts = counts.left_join(domains, "group").drop("group_right")
    counted = ("domains", "domains_any", "domains_only")
    counts = counts.mutate(**{name: counts[name].fill_null(0) for name in counted})
    return in_group_order(
        evidence,
        counts.mutate(
            share=share(counts.anycast, counts.known),
            domains_any_share=share(counts.domains_any, counts.domains),
        ),
    )


def _placed(evidence: Evidence) -> ibis.Table:
    """Every server of every domain with its facts, once per group."""
    mail = mail_domains(evidence)
    return grouped(evidence, mail.servers.join(mail.addresses, "ip"))


def _operators(evidence: Evidence, rows: ibis.Table) -> ibis.Table:
    """group, location, operator: who serves most domains there."""
    found = of_run(evidence.dataset.table("mx_providers"), evidence.run_id)
    named = found.group_by("domain", "exchange").agg(
        operator=ibis.coalesce(found.provider_name, found.provider).min()
    )
    each = rows.select("group", "location", "domain", "exchange").join(named, ["domain", "exchange"])
    counts = each.filter(each.operator.notnull()).group_by("group", "location", "operator")
    sizes = counts.agg(size=each.domain.nunique())
    order = [sizes["size"].desc(), sizes.operator]
    place = ibis.row_number().over(group_by=["group", "location"], order_by=order)
    return sizes.mutate(place=place).filter(ibis._.place == 0).select("group", "location", "operator")


def _foreign(evidence: Evidence, rows: ibis.Table) -> ibis.Value:
    return is_foreign(evidence, rows.country)
