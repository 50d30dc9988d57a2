"""Where domains say their mail goes, and in which order exchanges are tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import grouped, in_group_order, is_foreign, mail_domains, share
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, ExchangeState, MailState

MEANINGS = {
    MailState.MX: "to exchanges that its MX records name",
    MailState.IMPLICIT_MX: "to its own addresses: it has no MX",
    MailState.NULL_MX: "nowhere, and says so (RFC 7505)",
    MailState.NO_MAIL: "nowhere: neither MX nor address",
    MailState.BROKEN: "its MX records name no host",
    MailState.NXDOMAIN: "the domain does not exist",
}
"""All other states are unknown."""
_UNKNOWN = "unknown: nobody answered, or an import does not say"

EXCHANGE_MEANINGS = {
    ExchangeState.OK: "has addresses",
    ExchangeState.CNAME: "has addresses behind a CNAME, which RFC 2181 forbids",
    ExchangeState.NULL_MX: "a dot: no mail (RFC 7505)",
    ExchangeState.IP_LITERAL: "an address where a name has to be",
    ExchangeState.INVALID: "cannot be the name of a host",
    ExchangeState.NO_ADDRESS: "exists and has no address",
    ExchangeState.NXDOMAIN: "does not exist",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailStateRow:
    """One answer to where mail goes."""

    group: Group
    mail: Annotated[str, Column("mx, null_mx, implicit_mx, broken, no_mail, nxdomain; others are unknown")]
    meaning: Annotated[str, Column("in words")]
    domains: Annotated[int, Column("domains of which this holds")]
    of: Annotated[int, Column("domains of the group, known or not")]
    share: Annotated[float | None, Column("domains / of")]
    known: Annotated[int, Column("of these: the state is known")]
    known_share: Annotated[float | None, Column("domains / known; null: an unknown one")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStateRow:
    """What became of exchanges."""

    group: Group
    state: Annotated[str, Column("ok, cname, null_mx, ip_literal, invalid, no_address, nxdomain, or unknown")]
    meaning: Annotated[str, Column("in words")]
    records: Annotated[int, Column("MX records")]
    of: Annotated[int, Column("MX records of the group")]
    share: Annotated[float | None, Column("records / of")]
    exchanges: Annotated[int, Column("different names among them")]
    domains: Annotated[int, Column("domains with such a record")]
    only: Annotated[int, Column("of domains: all their records are like that")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRankRow:
    """One rank. The lowest preference of a domain is tried first (RFC 5321 section 5.1)."""

    group: Group
    rank: Annotated[int, Column("1: tried first; exchanges of one preference have the same rank")]
    exchanges: Annotated[int, Column("pairs of a domain and an exchange of that rank")]
    of: Annotated[int, Column("pairs of the group")]
    share: Annotated[float | None, Column("exchanges / of")]
    domains: Annotated[int, Column("domains with an exchange of that rank")]
    counted_from_last: Annotated[
        int,
        Column("pairs of that rank when the highest preference is 1, as the .gov study's program ranks"),
    ]
    foreign: Annotated[
        int | None,
        Column("of exchanges: all servers whose country is known are abroad; null: no home_country"),
    ]


def mail_states(evidence: Evidence) -> ibis.Table:
    """Domains by where they say their mail goes.

    Returns:
        One row per group and state that occurs, most domains first.
    """
    rows = grouped(evidence, mail_domains(evidence).domains)
    counts = rows.group_by("group", "mail").agg(domains=rows.count())
    is_known = counts.mail.isin([str(state) for state in MEANINGS])
    whole = ibis.window(group_by="group")
    of = counts.domains.sum().over(whole)
    known = counts.domains.sum(where=is_known).over(whole).fill_null(0)
    counts = counts.mutate(
        of=of, share=share(counts.domains, of), known=known,
        known_share=is_known.ifelse(share(counts.domains, known), ibis.null("float64")),
        meaning=_in_words(counts.mail, MEANINGS),
    )  # fmt: skip
    return in_group_order(evidence, counts, counts.domains.desc(), "mail")


def exchange_states(evidence: Evidence) -> ibis.Table:
    """MX records by what became of the name in them.

    Returns:
        One row per group and state that occurs, most records first.
    """
    records = of_run(evidence.dataset.table("mx"), evidence.run_id)
    listed = records.filter(~records.implicit).select("domain", "exchange", "state")
    kinds = listed.group_by("domain").agg(states=listed.state.nunique())
    rows = grouped(evidence, listed.join(kinds, "domain"))
    counts = rows.group_by("group", "state").agg(
        records=rows.count(), exchanges=rows.exchange.nunique(), domains=rows.domain.nunique(),
        only=rows.domain.nunique(where=rows.states == 1),
    )  # fmt: skip
    of = counts.records.sum().over(ibis.window(group_by="group"))
    counts = counts.mutate(
        of=of, share=share(counts.records, of), meaning=_in_words(counts.state, EXCHANGE_MEANINGS)
    )
    return in_group_order(evidence, counts, counts.records.desc(), "state")


def preference_ranks(evidence: Evidence) -> ibis.Table:
    """How many exchanges are tried first, second, and so on.

    Returns:
        One row per group and rank that occurs.
    """
    exchanges = mail_domains(evidence).exchanges
    last = exchanges.group_by("domain").agg(last=exchanges["rank"].max())
    abroad = _abroad(evidence)
    rows = exchanges.left_join(abroad, ["domain", "exchange"]).drop("domain_right", "exchange_right")
    rows = grouped(evidence, rows.join(last, "domain"))
    backwards = rows.group_by("group", rank=rows.last - rows["rank"] + 1).agg(counted_from_last=rows.count())
    counts = rows.group_by("group", "rank").agg(
        exchanges=rows.count(), domains=rows.domain.nunique(), foreign=rows.abroad.sum()
    )
    counts = counts.join(backwards, ["group", "rank"])
    of = counts.exchanges.sum().over(ibis.window(group_by="group"))
    known = mail_domains(evidence).home is not None
    counts = counts.mutate(
        of=of, share=share(counts.exchanges, of),
        foreign=counts.foreign.fill_null(0) if known else ibis.null("int64"),
    )  # fmt: skip
    return in_group_order(evidence, counts, "rank")


def _abroad(evidence: Evidence) -> ibis.Table:
    """domain, exchange, abroad: every server whose country is known is in another one than home."""
    mail = mail_domains(evidence)
    placed = mail.servers.join(mail.addresses, "ip")
    outside = is_foreign(evidence, placed.country)
    return placed.group_by("domain", "exchange").agg(abroad=outside.all())


def _in_words(state: ibis.Value, words: dict[MailState, str] | dict[ExchangeState, str]) -> ibis.Value:
    return state.cases(*((str(name), meaning) for name, meaning in words.items()), else_=_UNKNOWN)
