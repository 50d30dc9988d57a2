"""By whom mail is handled: parties, market shares, concentration, and whose law holds.

`domain_providers` and `mx_providers` say who runs what, each with its evidence (`facts.providers`). There are two
markets: who takes a domain's mail first, and who keeps its mailboxes; a filter is in the first only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import grouped, in_group_order, is_domestic, mail_domains, share
from mailcensus.analysis.mail_domains.name_rule import party_by_name
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, MailState, Party

PROVIDERS_MAX = 200
"""Rows of each group and market in `mail_providers`."""
_KNOWN = [str(Party.FIRST), str(Party.THIRD), str(Party.MIXED)]
_WITH_MAIL = [str(MailState.MX), str(MailState.IMPLICIT_MX)]
_TOPS = (1, 3, 5, 10)

Market = Annotated[
    str, Column("first_hop: who takes a domain's mail first; mailbox: who keeps its mailboxes")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRow:
    """One kind of party, by one way of telling."""

    group: Group
    counted: Annotated[str, Column("domains, or exchanges (pairs of a domain and an exchange)")]
    method: Annotated[
        str, Column("evidence: by facts.providers; name_rule: by the .gov study's rule of names alone")
    ]
    party: Annotated[str, Column("first, third, mixed (domains only) or unknown")]
    count: Annotated[int, Column("domains or exchanges of that party")]
    of: Annotated[int, Column("all that are known to take mail")]
    share: Annotated[float | None, Column("count / of")]
    known: Annotated[int, Column("of these: the party is known")]
    known_share: Annotated[float | None, Column("count / known; null: unknown itself")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProviderRow:
    """One provider in one market."""

    group: Group
    market: Market
    rank: Annotated[int, Column("1 for the most domains")]
    provider: Annotated[str, Column("id of the provider table, or a registered domain")]
    name: Annotated[str | None, Column("its name, where the provider table has it")]
    country: Annotated[str | None, Column("ISO 3166-1 alpha-2: seat of the company in control")]
    domains: Annotated[int, Column("domains of the group that it serves in this market")]
    known: Annotated[int, Column("domains of the group whose provider in this market is known")]
    share: Annotated[float | None, Column("domains / known")]
    first_party: Annotated[int, Column("of domains: its own")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMarketRow:
    """How concentrated a market is."""

    group: Group
    market: Market
    domains: Annotated[int, Column("domains of the group that are known to take mail")]
    known: Annotated[int, Column("of these: the provider is known")]
    unknown_share: Annotated[float | None, Column("1 - known / domains")]
    providers: Annotated[int, Column("different providers")]
    hhi: Annotated[
        float | None, Column("Herfindahl-Hirschman index over known: sum of squared shares, 0 to 1")
    ]
    top_1_share: Annotated[float | None, Column("domains of the largest provider / known")]
    top_3_share: Annotated[float | None, Column("the three largest / known")]
    top_5_share: Annotated[float | None, Column("the five largest / known")]
    top_10_share: Annotated[float | None, Column("the ten largest / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JurisdictionRow:
    """One pair of countries: where the operator has its seat, where the server is."""

    group: Group
    operator_country: Annotated[
        str | None,
        Column("seat of the company in control; null: not known, or the operator is not in the table"),
    ]
    server_country: Annotated[str | None, Column("where a database has the server; null: none says")]
    relation: Annotated[
        str,
        Column(
            "home: both in home_country; same: both in one country, another or none named; split; unknown"
        ),
    ]
    servers: Annotated[int, Column("different servers (addresses)")]
    domains: Annotated[int, Column("domains with such a server")]
    of: Annotated[int, Column("domains of the group with a server")]
    share: Annotated[float | None, Column("domains / of; a domain may be in several rows")]


def mail_parties(evidence: Evidence) -> ibis.Table:
    """First and third parties, by evidence and by the published rule.

    Returns:
        One row per group, what is counted, method and party that occurs.
    """
    rows = grouped(evidence, _domain_parties(evidence).union(_exchange_parties(evidence)))
    by = ["group", "counted", "method"]
    counts = rows.group_by(*by, "party").agg(count=rows.count())
    is_known, whole = counts.party.isin(_KNOWN), ibis.window(group_by=by)
    of, known = (
        counts["count"].sum().over(whole),
        counts["count"].sum(where=is_known).over(whole).fill_null(0),
    )
    counts = counts.mutate(
        of=of, share=share(counts["count"], of), known=known,
        known_share=is_known.ifelse(share(counts["count"], known), ibis.null("float64")),
    )  # fmt: skip
    return in_group_order(evidence, counts, "counted", "method", counts["count"].desc(), "party")


def mail_providers(evidence: Evidence) -> ibis.Table:
    """Market shares.

    Returns:
        At most PROVIDERS_MAX rows per group and market, most domains first.
    """
    ranked = _ranked(evidence)
    return in_group_order(evidence, ranked.filter(ranked["rank"] <= PROVIDERS_MAX), "market", "rank")


def provider_market(evidence: Evidence) -> ibis.Table:
    """How concentrated the markets are.

    Returns:
        One row per group and market.
    """
    ranked = _ranked(evidence)
    tops = {f"top_{top}_share": ranked.share.sum(where=ranked["rank"] <= top) for top in _TOPS}
    counts = ranked.group_by("group", "market").agg(
        providers=ranked.count(), hhi=(ranked.share * ranked.share).sum(), **tops
    )
    every = grouped(evidence, _markets(evidence))
    sizes = every.group_by("group", "market").agg(domains=every.count(), known=every.provider.count())
    rows = sizes.left_join(counts, ["group", "market"]).drop("group_right", "market_right")
    rows = rows.mutate(
        providers=rows.providers.fill_null(0), unknown_share=1 - share(rows.known, rows.domains)
    )
    return in_group_order(evidence, rows, "market")


def jurisdiction(evidence: Evidence) -> ibis.Table:
    """Whose law holds: the country of the operator against that of the server.

    Returns:
        One row per group and pair of countries that occurs, most domains first.
    """
    mail = mail_domains(evidence)
    found = of_run(evidence.dataset.table("mx_providers"), evidence.run_id)
    operators = found.group_by("domain", "exchange").agg(operator_country=found.provider_country.min())
    servers = mail.servers.join(mail.addresses.select("ip", server_country="country"), "ip")
    rows = servers.left_join(operators, ["domain", "exchange"]).drop("domain_right", "exchange_right")
    rows = grouped(evidence, rows)
    sizes = rows.group_by("group").agg(of=rows.domain.nunique())
    counts = rows.group_by("group", "operator_country", "server_country").agg(
        servers=rows.ip.nunique(), domains=rows.domain.nunique()
    )
    counts = counts.join(sizes, "group")
    same = counts.operator_country == counts.server_country
    relation = ibis.cases(
        (counts.operator_country.isnull() | counts.server_country.isnull(), "unknown"),
        (same & is_domestic(evidence, counts.server_country), "home"),
        (same, "same"),
        else_="split",
    )
    counts = counts.mutate(relation=relation, share=share(counts.domains, counts.of))
    return in_group_order(
        evidence, counts, counts.domains.desc(), counts.operator_country, counts.server_country
    )


def _domain_parties(evidence: Evidence) -> ibis.Table:
    """domain, counted, method, party: of domains that take mail."""
    taking = _taking(evidence)
    return (
        taking.select("domain", party="party", method=ibis.literal("evidence"))
        .union(taking.select("domain", party="name_rule", method=ibis.literal("name_rule")))
        .mutate(counted=ibis.literal("domains"))
        .select("domain", "counted", "method", "party")
    )


def _exchange_parties(evidence: Evidence) -> ibis.Table:
    """The same of pairs of a domain and an exchange."""
    mail = mail_domains(evidence)
    found = of_run(evidence.dataset.table("mx_providers"), evidence.run_id)
    judged = found.group_by("domain", "exchange").agg(party=found.party.min())
    each = mail.exchanges.select("domain", "exchange").left_join(mail.servers, ["domain", "exchange"])
    each = each.select("domain", "exchange", "ip").left_join(mail.addresses.select("ip", "ptr"), "ip")
    named = each.select("domain", "exchange", party=party_by_name(each.exchange, each.ptr))
    by_name = named.group_by("domain", "exchange").agg(
        third=(named.party == "third").any(), first=(named.party == "first").any()
    )
    by_name = by_name.select(
        "domain",
        party=ibis.cases((by_name.third, "third"), (by_name.first, "first"), else_="unknown"),
        method=ibis.literal("name_rule"),
    )
    both = judged.select("domain", "party", method=ibis.literal("evidence")).union(by_name)
    return both.mutate(counted=ibis.literal("exchanges")).select("domain", "counted", "method", "party")


def _taking(evidence: Evidence) -> ibis.Table:
    """Rows of `domain_providers` of domains that are known to take mail, by MX or by their own addresses."""
    domains = mail_domains(evidence).domains
    found = of_run(evidence.dataset.table("domain_providers"), evidence.run_id)
    return found.semi_join(domains.filter(domains.mail.isin(_WITH_MAIL)), "domain")


def _markets(evidence: Evidence) -> ibis.Table:
    """domain, market, provider (null: unknown), name, country, own: of domains that take mail."""
    taking = _taking(evidence)
    first = taking.select(
        "domain", market=ibis.literal("first_hop"), provider="provider", name="provider_name",
        country="provider_country", own=taking.role == "own",
    )  # fmt: skip
    mailbox = taking.select(
        "domain", market=ibis.literal("mailbox"), provider="mailbox_provider", name="mailbox_name",
        country="mailbox_country", own=(taking.mailbox_party == str(Party.FIRST)).fill_null(False),
    )  # fmt: skip
    return first.union(mailbox)


def _ranked(evidence: Evidence) -> ibis.Table:
    """group, market, provider, name, country, domains, first_party, known, share, rank."""
    rows = grouped(evidence, _markets(evidence).filter(lambda t: t.provider.notnull()))
    counts = rows.group_by("group", "market", "provider").agg(
        name=rows.name.min(), country=rows.country.min(), domains=rows.count(), first_party=rows.own.sum()
    )
    window = ibis.window(group_by=["group", "market"], order_by=[ibis.desc("domains"), ibis.asc("provider")])
    known = counts.domains.sum().over(ibis.window(group_by=["group", "market"]))
    return counts.mutate(
        known=known, share=share(counts.domains, known), rank=ibis.row_number().over(window) + 1
    )
