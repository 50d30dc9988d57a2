"""The totals that the .gov study's own program prints, by its definitions and by ours.

Its program joins MX records, addresses and places into one table with a row for each domain, MX record and address
(one row, too, for a record without an address), and counts rows of that. So a "location" is a row, "domains using
anycast" are rows, and a provider's many addresses count many times. Names are joined letter by letter, though each
name was looked up once, in the spelling that came first: the same name in other letters counts as a failed look-up.
Here this table is made again out of `dns`, which has names as records spell them; ours is made of `mx` and `hosts`.
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
    is_domestic,
    location,
    mail_domains,
    share,
)
from mailcensus.analysis.mail_domains.name_rule import party_by_name
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, ExchangeState, MailState

_RESOLVED = [str(ExchangeState.OK), str(ExchangeState.CNAME)]
_WITH_MAIL = [str(MailState.MX), str(MailState.IMPLICIT_MX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTotalRow:
    """One quantity of one group, counted twice."""

    group: Group
    quantity: Annotated[str, Column("what is counted, in a word")]
    unit: Annotated[str, Column("share, or what is counted")]
    as_published: Annotated[float | None, Column("by the study's definition; null: it needs home_country")]
    published_definition: Annotated[str, Column("what the study's program counts")]
    ours: Annotated[float | None, Column("by our definition; null: nothing known, or it needs home_country")]
    definition: Annotated[str, Column("what we count")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True)
class _Quantity:
    name: str
    unit: str
    published_definition: str
    definition: str


_ROWS = "rows for each domain, MX record as spelled and address"
QUANTITIES = (
    _Quantity("domains", "domains", "domains of the list", "domains of the list"),
    _Quantity(
        "domains_with_mx", "domains", "domains with an MX record, a null MX among them",
        "domains with an exchange that can take mail: by MX or, without one, by their own address",
    ),
    _Quantity(
        "exchanges", "exchanges", "different exchanges as spelled: letter case tells them apart, `.` is one",
        "different exchanges, letter case ignored; null MX, IP literals and impossible names are none",
    ),
    _Quantity(
        "exchanges_failed", "exchanges", "of these: without an address under that very spelling",
        "of these: no address known",
    ),
    _Quantity("domestic_rows", "rows", f"{_ROWS}: in the home country", "different servers in the home country"),
    _Quantity(
        "foreign_rows", "rows", f"{_ROWS}: not in the home country, those without an address or a country among them",
        "different servers in another country that is known",
    ),
    _Quantity(
        "third_party_rows", "rows", f"{_ROWS}: third party by the rule of names",
        "domains all of whose exchanges are run by third parties, by evidence",
    ),
    _Quantity(
        "third_party_share", "share", f"third-party rows / all {_ROWS}",
        "these / domains whose party is known",
    ),
    _Quantity(
        "first_party_rows", "rows", f"{_ROWS}: first party by the rule of names",
        "domains all of whose exchanges are run by their holder, by evidence",
    ),
    _Quantity(
        "first_party_share", "share", f"first-party rows / all {_ROWS}",
        "these / domains whose party is known",
    ),
    _Quantity(
        "locations", "locations", "different coordinates that have a country",
        "different coordinates of servers that are not anycast",
    ),
    _Quantity(
        "foreign_locations", "locations", "of these: not in the home country", "of these: not in the home country"
    ),
    _Quantity("domestic_locations", "locations", "of these: in the home country", "of these: in the home country"),
    _Quantity("anycast_rows", "rows", f"{_ROWS}: anycast", "different anycast addresses"),
    _Quantity(
        "ases", "ases", "different AS numbers; `none announces it` and `no address` count as one each",
        "different AS numbers",
    ),
)  # fmt: skip


def mail_totals(evidence: Evidence) -> ibis.Table:
    """Every total of the study's output, by both definitions.

    Returns:
        One row per group and quantity.
    """
    theirs = _unpivoted(evidence.dataset.put("mail_totals_as_published", _as_published(evidence)))
    ours = _unpivoted(evidence.dataset.put("mail_totals_ours", _ours(evidence)))
    words = ibis.memtable(
        {
            "quantity": [one.name for one in QUANTITIES],
            "unit": [one.unit for one in QUANTITIES],
            "published_definition": [one.published_definition for one in QUANTITIES],
            "definition": [one.definition for one in QUANTITIES],
            "row": list(range(len(QUANTITIES))),
        }
    )
    rows = theirs.rename(as_published="value").join(ours.rename(ours="value"), ["group", "quantity"])
    return in_group_order(evidence, beside(rows.join(words, "quantity"), "mail_totals"), "row")


def published_rows(evidence: Evidence) -> ibis.Table:
    """The table that the study's program counts, held: domain, exchange (as spelled), ip, its facts, party.

    Returns:
        One row per domain, MX record as spelled and address; per record without an address one with a null ip.
    """
    dns = of_run(evidence.dataset.table("dns"), evidence.run_id)
    domains = mail_domains(evidence).domains
    told = dns.filter(dns.type == "MX").select(domain="name", record=dns.rdata.unnest())
    records = told.join(domains.select("domain", "position"), "domain").distinct()
    spelled = records.record.re_extract(r"^\d+ (.*)$", 1)
    records = records.mutate(exchange=spelled, name=spelled.lower().re_replace(r"(.)\.$", r"\1"))
    first = records.group_by("name").agg(
        first=records.exchange.argmin(ibis.struct({"at": records.position, "as": records.exchange}))
    )
    answers = dns.filter(dns.type == "A").select("name", ip=dns.rdata.unnest()).distinct()
    looked_up = answers.join(first, "name").select("ip", exchange="first")
    joined = records.left_join(looked_up, "exchange").select("domain", "record", "exchange", "ip")
    facts = _facts(evidence)
    rows = joined.left_join(facts, "ip").drop("ip_right")
    judged = rows.mutate(party=party_by_name(rows.exchange, rows.ptr))
    return evidence.once("published_rows", lambda: evidence.dataset.put("published_rows", judged))


def _facts(evidence: Evidence) -> ibis.Table:
    hosts = of_run(evidence.dataset.table("hosts"), evidence.run_id)
    newest = hosts.group_by("ip").agg(looked_up_at=hosts.looked_up_at.max())
    hosts = hosts.semi_join(newest, ["ip", "looked_up_at"])
    place = location(hosts.latitude, hosts.longitude)
    return hosts.select("ip", "country", "asn", "anycast", "ptr", location=place)


def _as_published(evidence: Evidence) -> ibis.Table:
    rows, home = grouped(evidence, published_rows(evidence)), mail_domains(evidence).home
    here = is_domestic(evidence, rows.country)
    located = rows.country.notnull()
    third, first = (rows.party == "third").sum(), (rows.party == "first").sum()
    numberless = (rows.ip.notnull() & rows.asn.isnull()).any().cast("int64") + rows.ip.isnull().any().cast(
        "int64"
    )
    foreign = (~here).fill_null(True).sum() if home else ibis.null("int64")
    counts = rows.group_by("group").agg(
        domains_with_mx=rows.domain.nunique(),
        exchanges=rows.exchange.nunique(),
        exchanges_failed=rows.exchange.nunique() - rows.exchange.nunique(where=rows.ip.notnull()),
        domestic_rows=here.sum() if home else ibis.null("int64"),
        foreign_rows=foreign,
        third_party_rows=third,
        third_party_share=share(third, rows.count()),
        first_party_rows=first,
        first_party_share=share(first, rows.count()),
        locations=rows.location.nunique(where=located),
        foreign_locations=rows.location.nunique(where=located & ~here) if home else ibis.null("int64"),
        domestic_locations=rows.location.nunique(where=here) if home else ibis.null("int64"),
        anycast_rows=rows.anycast.sum().fill_null(0),
        ases=rows.asn.nunique() + numberless,
    )
    return _with_all_groups(evidence, counts)


def _ours(evidence: Evidence) -> ibis.Table:
    mail = mail_domains(evidence)
    servers = grouped(evidence, mail.servers.join(mail.addresses, "ip"))
    here = is_domestic(evidence, servers.country)
    located = servers.location.notnull()

    def when_home(value: ibis.Value) -> ibis.Value:
        return value if mail.home else ibis.null("int64")

    counts = servers.group_by("group").agg(
        domestic_rows=when_home(servers.ip.nunique(where=here)),
        foreign_rows=when_home(servers.ip.nunique(where=~here)),
        locations=servers.location.nunique(),
        foreign_locations=when_home(servers.location.nunique(where=located & ~here)),
        domestic_locations=when_home(servers.location.nunique(where=located & here)),
        anycast_rows=servers.ip.nunique(where=servers.anycast),
        ases=servers.asn.nunique(),
    )
    for part in (_our_exchanges(evidence, mail), _our_parties(evidence)):
        counts = counts.outer_join(part, "group")
        counts = counts.mutate(group=counts.group.fill_null(counts.group_right)).drop("group_right")
    return _with_all_groups(evidence, counts)


def _our_exchanges(evidence: Evidence, mail: MailDomains) -> ibis.Table:
    rows = grouped(evidence, mail.exchanges.join(mail.domains.select("domain", "mail"), "domain"))
    resolved = rows.state.isin(_RESOLVED)
    return rows.group_by("group").agg(
        domains_with_mx=rows.domain.nunique(where=rows.mail.isin(_WITH_MAIL)),
        exchanges=rows.exchange.nunique(),
        exchanges_failed=rows.exchange.nunique() - rows.exchange.nunique(where=resolved),
    )


def _our_parties(evidence: Evidence) -> ibis.Table:
    found = of_run(evidence.dataset.table("domain_providers"), evidence.run_id)
    rows = grouped(evidence, found.select("domain", "party"))
    known = rows.party.isin(["first", "third", "mixed"]).sum()
    third, first = (rows.party == "third").sum(), (rows.party == "first").sum()
    return rows.group_by("group").agg(
        third_party_rows=third, third_party_share=share(third, known),
        first_party_rows=first, first_party_share=share(first, known),
    )  # fmt: skip


def _with_all_groups(evidence: Evidence, counts: ibis.Table) -> ibis.Table:
    """Every group, with its number of domains; counts of a group without any row are null."""
    groups = mail_domains(evidence).groups
    sizes = groups.group_by("group").agg(domains=groups.count())
    return sizes.left_join(counts, "group").drop("group_right")


def _unpivoted(counts: ibis.Table) -> ibis.Table:
    """group, quantity, value: a row for each column."""
    parts = [
        counts.select("group", quantity=ibis.literal(one.name), value=counts[one.name].cast("float64"))
        for one in QUANTITIES
    ]
    return reduce(ibis.union, parts)
