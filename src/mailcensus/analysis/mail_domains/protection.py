"""How well DNS protects the mail of domains: DNSSEC, SPF, DMARC, CAA, MTA-STS, TLS reporting, TLSA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import grouped, in_group_order, mail_domains, share
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, DnssecState, MailState, PolicyState

MEASURES = {
    "dnssec": "the domain is signed and its signatures hold",
    "spf": "a valid SPF record",
    "spf_fail": "an SPF record that ends in -all",
    "dmarc": "a valid DMARC record, its own or its registered domain's",
    "dmarc_enforced": "a DMARC policy of quarantine or reject",
    "dmarc_reject": "a DMARC policy of reject",
    "caa": "CAA records, its own or those of a domain above",
    "mta_sts": "a valid MTA-STS record and policy",
    "mta_sts_enforce": "an MTA-STS policy of mode enforce",
    "tls_rpt": "a valid TLS reporting record",
    "tlsa": "every exchange has TLSA records that senders may use (DNSSEC-secure)",
    "tlsa_some": "at least one exchange has",
}
"""In the order of the table. The last five are counted over domains that take mail."""
_OF_MAIL = ("mta_sts", "mta_sts_enforce", "tls_rpt", "tlsa", "tlsa_some")
_NOWHERE = [str(MailState.NULL_MX), str(MailState.NO_MAIL)]
_NOT_THERE = str(MailState.NXDOMAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSecurityRow:
    """One measure."""

    group: Group
    measure: Annotated[str, Column("name of the measure")]
    meaning: Annotated[str, Column("what a domain has that counts")]
    asked: Annotated[
        int,
        Column("domains asked: those that exist; for mta_sts, tls_rpt and tlsa those that may take mail"),
    ]
    known: Annotated[int, Column("of asked: DNS has answered")]
    adopted: Annotated[int, Column("of known: have it")]
    share: Annotated[float | None, Column("adopted / known")]
    invalid: Annotated[int, Column("of known: have something that readers must not use; not adopted")]


def dns_security(evidence: Evidence) -> ibis.Table:
    """Who has adopted what.

    Returns:
        One row per group and measure that anybody was asked for.
    """
    rows = grouped(evidence, _measured(evidence))
    counts = rows.group_by("group", "measure").agg(
        asked=rows.count(), known=rows.adopted.count(), adopted=rows.adopted.sum().fill_null(0),
        invalid=rows.invalid.sum().fill_null(0),
    )  # fmt: skip
    places = list(MEASURES)
    counts = counts.mutate(
        share=share(counts.adopted, counts.known),
        meaning=counts.measure.cases(*MEASURES.items(), else_=""),
        place_of_measure=counts.measure.cases(*((name, places.index(name)) for name in places), else_=99),
    )
    return in_group_order(evidence, counts, "place_of_measure")


def _measured(evidence: Evidence) -> ibis.Table:
    """domain, measure, adopted (null: unknown), invalid: of everybody asked."""
    listed = of_run(evidence.dataset.table("domains"), evidence.run_id)
    listed = listed.filter(listed.mail != _NOT_THERE)
    spf, dmarc, sts = listed.spf, listed.dmarc, listed.mta_sts
    has_spf, has_dmarc, has_sts = _has(spf.state), _has(dmarc.state), _has(sts.state)
    enforced = dmarc.policy.isin(["quarantine", "reject"])
    parts: list[tuple[str, ibis.Value, ibis.Value]] = [
        ("spf", spf.state, has_spf),
        ("spf_fail", spf.state, _and(has_spf, spf.all_qualifier == "-")),
        ("dmarc", dmarc.state, has_dmarc),
        ("dmarc_enforced", dmarc.state, _and(has_dmarc, enforced)),
        ("dmarc_reject", dmarc.state, _and(has_dmarc, dmarc.policy == "reject")),
        ("caa", listed.caa.state, _has(listed.caa.state)),
        ("mta_sts", sts.state, has_sts),
        ("mta_sts_enforce", sts.state, _and(has_sts, sts["mode"] == "enforce")),
        ("tls_rpt", listed.tls_rpt.state, _has(listed.tls_rpt.state)),
    ]
    return reduce(ibis.union, [_dnssec(listed), *_policies(listed, parts), *_tlsa(evidence)]).select(
        "domain", "measure", "adopted", "invalid"
    )


def _has(state: ibis.Value) -> ibis.Value:
    """Whether there is a valid one; null: unknown."""
    answers = {PolicyState.PRESENT: True, PolicyState.ABSENT: False, PolicyState.INVALID: False}
    return state.cases(*((str(name), answer) for name, answer in answers.items()), else_=ibis.null("boolean"))


def _and(has: ibis.Value, more: ibis.Value) -> ibis.Value:
    """Whether there is a valid one of which more holds. Of an unknown one nothing is known, whatever `more` says."""
    return has.ifelse(more.fill_null(False), has)


def _asked(state: ibis.Value) -> ibis.Value:
    return state.notnull() & (state != str(PolicyState.NOT_ASKED))


def _policies(listed: ibis.Table, parts: Sequence[tuple[str, ibis.Value, ibis.Value]]) -> list[ibis.Table]:
    taking = listed.mail.notin(_NOWHERE)
    return [
        listed.filter(_asked(state) & (taking if name in _OF_MAIL else True)).select(
            "domain", measure=ibis.literal(name), adopted=has, invalid=state == str(PolicyState.INVALID)
        )
        for name, state, has in parts
    ]


def _dnssec(listed: ibis.Table) -> ibis.Table:
    """Our own validation counts before the resolver's word. A bogus domain is an invalid one."""
    own = listed.dnssec_validated
    state = (own == str(DnssecState.NOT_ASKED)).ifelse(listed.dnssec, own)
    answers = {DnssecState.SECURE: True, DnssecState.INSECURE: False, DnssecState.BOGUS: False}
    adopted = state.cases(
        *((str(name), is_so) for name, is_so in answers.items()), else_=ibis.null("boolean")
    )
    return listed.filter(state != str(DnssecState.NOT_ASKED)).select(
        "domain", measure=ibis.literal("dnssec"), adopted=adopted, invalid=state == str(DnssecState.BOGUS)
    )


def _tlsa(evidence: Evidence) -> list[ibis.Table]:
    """Over a domain's exchanges: usable is present and secure; null as long as one that matters is not known."""
    records = of_run(evidence.dataset.table("mx"), evidence.run_id)
    hosts = records.semi_join(mail_domains(evidence).exchanges, ["domain", "exchange"])
    asked = hosts.filter(_asked(hosts.tlsa_state))
    usable = _and(_has(asked.tlsa_state), asked.tlsa_secure)
    each = asked.select("domain", usable=usable, invalid=asked.tlsa_state == str(PolicyState.INVALID))
    sums = each.group_by("domain").agg(
        yes=each.usable.any(), no=(~each.usable).any(), unknown=each.usable.isnull().any(),
        invalid=each.invalid.any(),
    )  # fmt: skip
    yes, no = sums.yes.fill_null(False), sums.no.fill_null(False)
    null = ibis.null("boolean")
    every = ibis.cases((no, False), (sums.unknown, null), else_=True)
    some = ibis.cases((yes, True), (sums.unknown, null), else_=False)
    return [
        sums.select(
            "domain",
            measure=ibis.literal(name),
            adopted=adopted,
            invalid=sums.invalid & ~adopted.fill_null(False),
        )
        for name, adopted in (("tlsa", every), ("tlsa_some", some))
    ]
