"""What the tables of the domain study stand on: domains with their groups, exchanges with ranks, servers with places.

Words. An *exchange* is a name that takes a domain's mail; its *servers* are the addresses of that name. A null MX, an
IP literal and a name that cannot be one are no exchanges. Where a domain has no MX, it is its own exchange. An
address set aside for special purposes (private, loopback) is no server, since nobody outside can reach it, unless the
study asks such addresses (`study.allow_special`: labs). Nor is one whose holder has opted out since. A *location* is
a pair of latitude and longitude, as the database has it; an anycast address has none, since it answers from many
places.

Every table has its rows for all domains and for each group of them. The groups are those of one column of the list:
`domains.group_by` of study.toml, or else the column with the fewest different values, from 2 to 50.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run
from mailcensus.model import ExchangeState
from mailcensus.population.address import parse_address
from mailcensus.population.network import network_of, network_text
from mailcensus.population.special import SPECIAL_PREFIXES

ALL = "all"
"""Name of the group that every domain is in."""
MOST_GROUPS = 50

_NO_HOST = [str(state) for state in (ExchangeState.NULL_MX, ExchangeState.IP_LITERAL, ExchangeState.INVALID)]
_ADDRESSES = pa.schema([("ip", pa.string()), ("network", pa.string()), ("special", pa.bool_())])


@dataclass(frozen=True, slots=True)
class MailDomains:
    """One run's domains. All tables are held in memory."""

    domains: ibis.Table
    """One row per domain: domain, position, mail."""
    groups: ibis.Table
    """domain, group: each domain in `all` and, if it has one, in its own group."""
    group_order: ibis.Table
    """group, place: all domains first, then the largest group."""
    exchanges: ibis.Table
    """One row per domain and exchange: domain, exchange, state, preference (its lowest), rank (1 is tried first)."""
    servers: ibis.Table
    """One row per domain, exchange and server: domain, exchange, rank, ip."""
    addresses: ibis.Table
    """One row per server: ip, network, country, region, city, latitude, longitude, location, asn, as_org, anycast, ptr.

    Null where no database says. Special-purpose addresses are not here, unless the study asks them.
    """
    home: str | None
    """The country that is domestic; None: the study does not say."""


def mail_domains(evidence: Evidence) -> MailDomains:
    """The run's domains, worked out once."""
    return evidence.once("mail_domains", lambda: _gather(evidence))


def has_domains(evidence: Evidence) -> bool:
    """Whether the run has any domain."""

    def asked() -> bool:
        listed = of_run(evidence.dataset.table("domains"), evidence.run_id)
        return bool(listed.limit(1).count().to_pyarrow().as_py())

    return evidence.once("has_domains", asked)


def _gather(evidence: Evidence) -> MailDomains:
    dataset, told = evidence.dataset, domain_settings(evidence)
    listed = of_run(dataset.table("domains"), evidence.run_id)
    domains = dataset.put("mail_domains", listed.select("domain", "position", "mail"))
    column = told.get("group_by") or _group_column(listed)
    groups = dataset.put("mail_groups", _groups(listed, column))
    records = of_run(dataset.table("mx"), evidence.run_id)
    exchanges = dataset.put("mail_exchanges", _exchanges(records))
    each = records.filter(records.state.notin(_NO_HOST)).select(
        "domain", "exchange", ip=records.addresses.unnest()
    )
    each = each.filter(each.ip.notin(sorted(dataset.left_out))) if dataset.left_out else each
    known = dataset.put("mail_addresses", _known(evidence, each))
    servers = each.distinct().semi_join(known, "ip").join(exchanges, ["domain", "exchange"])
    return MailDomains(
        domains=domains,
        groups=groups,
        group_order=dataset.put("mail_group_order", _group_order(groups)),
        exchanges=exchanges,
        servers=dataset.put("mail_servers", servers.select("domain", "exchange", "rank", "ip")),
        addresses=known,
        home=(told.get("home_country") or "").upper() or None,
    )


def domain_settings(evidence: Evidence) -> dict[str, Any]:
    """The section `domains` of the run's study.toml; empty where there is none."""
    return _section(evidence, "domains")


def _section(evidence: Evidence, name: str) -> dict[str, Any]:
    for text in evidence.runs.settings_json.to_pyarrow().to_pylist():
        told = json.loads(text).get(name)
        if isinstance(told, dict):
            return told
    return {}


def _group_column(listed: ibis.Table) -> str | None:
    """The column of the list with the fewest different values, of those with 2 to MOST_GROUPS."""
    cells = listed.select(column=listed.groups.keys().unnest(), value=listed.groups.values().unnest())
    counts = cells.filter(cells.value != "").group_by("column").agg(values=cells.value.nunique())
    fit = counts.filter(counts["values"].between(2, MOST_GROUPS)).order_by("values", "column").limit(1)
    found = fit.column.to_pyarrow().to_pylist()
    return found[0] if found else None


def _groups(listed: ibis.Table, column: str | None) -> ibis.Table:
    whole = listed.select("domain", group=ibis.literal(ALL))
    if column is None:
        return whole
    own = listed.select("domain", group=listed.groups.get(column, ibis.null("string")))
    return whole.union(own.filter(own.group.notnull() & (own.group != "")))


def _group_order(groups: ibis.Table) -> ibis.Table:
    sizes = groups.group_by("group").agg(size=groups.count())
    order = [sizes.group != ALL, sizes["size"].desc(), sizes.group]
    return sizes.select("group", place=ibis.row_number().over(order_by=order))


def _exchanges(records: ibis.Table) -> ibis.Table:
    """Ranks are over the different preferences of what names a host: the lowest preference is tried first."""
    hosts = records.filter(records.state.notin(_NO_HOST))
    each = hosts.group_by("domain", "exchange").agg(
        preference=hosts.preference.min().cast("int64"), state=hosts.state.min()
    )
    window = ibis.window(group_by="domain", order_by="preference")
    return each.mutate(rank=(ibis.dense_rank().over(window) + 1).cast("int64"))


def _known(evidence: Evidence, each: ibis.Table) -> ibis.Table:
    ips = each.select("ip").distinct().ip.to_pyarrow().to_pylist()
    plain = ibis.memtable(pa.Table.from_pylist([_address(ip) for ip in ips], schema=_ADDRESSES))
    facts = of_run(evidence.dataset.table("hosts"), evidence.run_id)
    newest = facts.group_by("ip").agg(looked_up_at=facts.looked_up_at.max())
    facts = facts.semi_join(newest, ["ip", "looked_up_at"]).select(
        "ip", "country", "region", "city", "latitude", "longitude", "as_org", "anycast", "ptr",
        asn=facts.asn.cast("int64"), location=location(facts.latitude, facts.longitude),
    )  # fmt: skip
    servers = plain if _section(evidence, "study").get("allow_special") else plain.filter(~plain.special)
    rows = servers.drop("special").left_join(facts, "ip").drop("ip_right")
    return rows.mutate(location=rows.anycast.fill_null(False).ifelse(ibis.null("string"), rows.location))


def location(latitude: ibis.Value, longitude: ibis.Value) -> ibis.Value:
    """The text of a pair of coordinates; null where one is."""
    return latitude.cast("string") + "," + longitude.cast("string")


def _address(ip: str) -> dict[str, object]:
    version, value = parse_address(ip)
    return {
        "ip": ip,
        "network": network_text(network_of(version, value)),
        "special": SPECIAL_PREFIXES.contains_value(version, value),
    }


def grouped(evidence: Evidence, rows: ibis.Table) -> ibis.Table:
    """Rows that name a domain, once for each group that it is in: with the column `group`."""
    groups = mail_domains(evidence).groups
    return rows.join(groups, "domain")


def in_group_order(evidence: Evidence, rows: ibis.Table, *then: str | ibis.Value) -> ibis.Table:
    """Rows by group: all domains first, then the largest group; then by `then`."""
    order = mail_domains(evidence).group_order
    return rows.join(order, "group").order_by("place", *then)


def is_domestic(evidence: Evidence, country: ibis.Value) -> ibis.Value:
    """Whether a country is home; null where it is not known, or the study names no home.

    Not by comparing with a null: Ibis makes `IS NULL` of that.
    """
    home = mail_domains(evidence).home
    return country == home if home else _null(country)


def is_foreign(evidence: Evidence, country: ibis.Value) -> ibis.Value:
    """The contrary of `is_domestic`. (Ibis writes `NOT (x) IS NULL` for a null test of a negation: another thing.)"""
    home = mail_domains(evidence).home
    return country != home if home else _null(country)


def _null(column: ibis.Value) -> ibis.Value:
    return column.notnull().nullif(column.notnull())


def share(part: ibis.Value, whole: ibis.Value) -> ibis.Value:
    """part / whole; null where there is nobody to have a share of."""
    return part / whole.nullif(0)
