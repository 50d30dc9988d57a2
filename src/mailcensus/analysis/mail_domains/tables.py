"""The tables of the domain study, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains import (
    exchanges,
    parties,
    places,
    protection,
    redundancy,
    totals,
    transport,
)
from mailcensus.analysis.mail_domains.domains import has_domains
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.model import schema_of


def _table(
    name: str, title: str, caption: str, row: type, function: Callable[[Evidence], ibis.Table]
) -> TableSpec:
    """An entry whose rows nobody works out for a study without domains: most have none."""

    def rows(evidence: Evidence) -> ibis.Table:
        if has_domains(evidence):
            return function(evidence)
        return ibis.memtable(schema_of(row).empty_table())

    return TableSpec(name, title, caption, row, rows, source="domains")


MAIL_DOMAIN_TABLES: tuple[TableSpec, ...] = (
    _table(
        "mail_states",
        "Where domains say their mail goes",
        "Domains of the list by what their MX records, or without MX their addresses, say. `share` is of all domains "
        "of the group, `known_share` of those of which it is known.",
        exchanges.MailStateRow,
        exchanges.mail_states,
    ),
    _table(
        "mail_totals",
        "Totals, as the .gov study counts and as we do",
        "One row per quantity that the study's program prints. Both definitions stand beside their numbers; each "
        "share names its denominator there. (Hayes 2024)",
        totals.MailTotalRow,
        totals.mail_totals,
    ),
    _table(
        "exchange_states",
        "What became of exchanges",
        "MX records by what the name in them led to. Shares are of the MX records of the group.",
        exchanges.ExchangeStateRow,
        exchanges.exchange_states,
    ),
    _table(
        "preference_ranks",
        "Ranks of exchanges",
        "The lowest preference of a domain has rank 1 and is tried first; equal preferences have equal ranks. Shares "
        "are of the pairs of a domain and an exchange. (Hayes 2024, mail server preferences)",
        exchanges.PreferenceRankRow,
        exchanges.preference_ranks,
    ),
    _table(
        "server_countries",
        "Countries of servers",
        "Servers (addresses of exchanges) by country. `share` is of the group's servers whose country is known, "
        "`domain_share` of its domains with such a server; a domain may be in several rows. (Hayes 2024, figure 1)",
        places.ServerCountryRow,
        places.server_countries,
    ),
    _table(
        "mail_abroad",
        "Mail that goes abroad",
        "Domains with servers in other countries than domains.home_country. Shares are of the group's domains with a "
        "server whose country is known. (Hayes 2024, mail server locations)",
        places.MailAbroadRow,
        places.mail_abroad,
    ),
    _table(
        "server_locations",
        "Locations of servers",
        "A location is a pair of coordinates, as the database has it; anycast addresses have none. Shares are of the "
        "group's domains with a server whose location is known. (Hayes 2024, figure 2)",
        places.ServerLocationRow,
        places.server_locations,
    ),
    _table(
        "anycast_use",
        "Anycast",
        "Servers that answer from many places. `share` is of the servers of which a database says whether they are "
        "anycast, `domains_any_share` of the domains with such a server.",
        places.AnycastRow,
        places.anycast_use,
    ),
    _table(
        "redundancy",
        "Units per domain",
        "How many exchanges, addresses, networks, systems, locations, countries and providers a domain has. Shares "
        "are of the group's domains with one or more that is known. (Hayes 2024, CDFs of locations and of AS)",
        redundancy.RedundancyRow,
        redundancy.redundancy,
    ),
    _table(
        "domains_per_unit",
        "Domains per unit",
        "How many domains an exchange, an address, a network, a system, a location, a country or a provider serves. "
        "Shares are of the units of the level that serve any domain of the group.",
        redundancy.DomainsPerUnitRow,
        redundancy.domains_per_unit,
    ),
    _table(
        "shared_fate",
        "Shared fate",
        f"If this fails, these domains lose mail: the {redundancy.UNITS_MAX} units of each level with which most "
        "domains lose all. Shares are of the group's domains with a unit of the level that is known.",
        redundancy.SharedFateRow,
        redundancy.shared_fate,
    ),
    _table(
        "mail_parties",
        "First and third parties",
        "Who runs what takes a domain's mail: its holder or somebody else. `share` is of all that take mail, "
        "`known_share` of those whose party is known. (Hayes 2024, third party mail servers)",
        parties.PartyRow,
        parties.mail_parties,
    ),
    _table(
        "provider_market",
        "How concentrated the market is",
        "Two markets: who takes a domain's mail first, and who keeps its mailboxes. Shares are of the group's domains "
        "whose provider in the market is known.",
        parties.ProviderMarketRow,
        parties.provider_market,
    ),
    _table(
        "mail_providers",
        "Providers",
        f"The {parties.PROVIDERS_MAX} providers of each market with most domains. Shares are of the group's domains "
        "whose provider in the market is known.",
        parties.MailProviderRow,
        parties.mail_providers,
    ),
    _table(
        "jurisdiction",
        "Operators' and servers' countries",
        "Servers by the seat of the company that runs them and by where they are. Shares are of the group's domains "
        "with a server; a domain may be in several rows.",
        parties.JurisdictionRow,
        parties.jurisdiction,
    ),
    _table(
        "dns_security",
        "Protection by DNS",
        "What domains publish that protects their mail. Shares are of the domains of which it is known.",
        protection.DnsSecurityRow,
        protection.dns_security,
    ),
    _table(
        "domain_tls",
        "Domains under TLS",
        "Domains all of whose exchanges, or all of whose exchanges that are tried first, do as the criterion wants. "
        "Shares are of the domains of which it is known.",
        transport.DomainTlsRow,
        transport.domain_tls,
    ),
    _table(
        "exchange_security",
        "Exchanges under TLS",
        "One row per exchange with a server that was grabbed on port 25, most domains first.",
        transport.ExchangeSecurityRow,
        transport.exchange_security,
    ),
)
