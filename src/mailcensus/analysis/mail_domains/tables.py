"""The tables of the domain study, in the order in which they are shown."""

from __future__ import annotations

from mailcensus.analysis.mail_domains import places, redundancy
from mailcensus.analysis.table_spec import TableSpec

MAIL_DOMAIN_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "server_countries",
        "Countries of servers",
        "Servers (addresses of exchanges) by country. `share` is of the group's servers whose country is known, "
        "`domain_share` of its domains with such a server; a domain may be in several rows. (Hayes 2024, figure 1)",
        places.ServerCountryRow,
        places.server_countries,
    ),
    TableSpec(
        "server_locations",
        "Locations of servers",
        "A location is a pair of coordinates, as the database has it; anycast addresses have none. Shares are of the "
        "group's domains with a server whose location is known. (Hayes 2024, figure 2)",
        places.ServerLocationRow,
        places.server_locations,
    ),
    TableSpec(
        "anycast_use",
        "Anycast",
        "Servers that answer from many places. `share` is of the servers of which a database says whether they are "
        "anycast, `domains_any_share` of the domains with such a server.",
        places.AnycastRow,
        places.anycast_use,
    ),
    TableSpec(
        "redundancy",
        "Units per domain",
        "How many exchanges, addresses, networks, systems, locations, countries and providers a domain has. Shares "
        "are of the group's domains with one or more that is known. (Hayes 2024, CDFs of locations and of AS)",
        redundancy.RedundancyRow,
        redundancy.redundancy,
    ),
    TableSpec(
        "domains_per_unit",
        "Domains per unit",
        "How many domains an exchange, an address, a network, a system, a location, a country or a provider serves. "
        "Shares are of the units of the level that serve any domain of the group.",
        redundancy.DomainsPerUnitRow,
        redundancy.domains_per_unit,
    ),
    TableSpec(
        "shared_fate",
        "Shared fate",
        f"If this fails, these domains lose mail: the {redundancy.UNITS_MAX} units of each level with which most "
        "domains lose all. Shares are of the group's domains with a unit of the level that is known.",
        redundancy.SharedFateRow,
        redundancy.shared_fate,
    ),
)
