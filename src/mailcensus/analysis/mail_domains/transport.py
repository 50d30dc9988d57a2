"""Whether mail to domains travels under TLS that can be trusted: exchange by exchange, where the study also grabs.

What one server did on port 25 in the run's last grab is judged for each exchange that it is a server of: the same
certificate may be for one name and not for another. Three answers: it holds, it does not, or it is not known; a
domain fails where one of its exchanges does, and is unknown where one of the others is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any

import ibis
import pyarrow as pa

from mailcensus.analysis.chain_status import chain_status
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.mail_domains.domains import grouped, in_group_order, mail_domains, share
from mailcensus.analysis.mail_domains.places import Group
from mailcensus.analysis.name_matches import presented_names, wildcard_for
from mailcensus.analysis.posture.verdicts import main_store
from mailcensus.analysis.services import NOT_A_TLS_ANSWER
from mailcensus.dataset.tables import final_grabs, of_run
from mailcensus.facts.tlsa import TlsaRecord, TlsaStatus, tlsa_verdict
from mailcensus.model import Column, ExchangeState, PolicyState
from mailcensus.wire.certificates import SANS_KEPT

CRITERIA = {
    "tls": "every server offers TLS and shakes hands",
    "valid": "and shows a chain that the main root store finds valid",
    "named": "and its certificate is for the exchange's name",
    "dane": "every exchange has usable TLSA records and every server matches them (RFC 7672)",
    "mta_sts": "the domain's policy is in force, covers every exchange, and every server is as it wants (RFC 8461)",
}
"""In the order of the tables."""
_SERVICE = "smtp"
_NO = [str(outcome) for outcome in NOT_A_TLS_ANSWER]
_WITHOUT_ADDRESS = [str(state) for state in (ExchangeState.NO_ADDRESS, ExchangeState.NXDOMAIN)]
_VERDICTS = pa.schema([("exchange", pa.string()), ("ip", pa.string()), ("dane", pa.bool_())])

Verdict = bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSecurityRow:
    """One exchange."""

    exchange: Annotated[str, Column("its name")]
    domains: Annotated[int, Column("domains whose mail it takes")]
    servers: Annotated[int, Column("its addresses")]
    asked: Annotated[int, Column("of these: grabbed on port 25")]
    tls: Annotated[Verdict, Column("every server offers TLS and shakes hands; null: unknown of one")]
    valid: Annotated[Verdict, Column("and each chain is valid by the main root store; null: unknown of one")]
    named: Annotated[Verdict, Column("and each certificate is for this name; null: unknown of one")]
    dane: Annotated[
        Verdict, Column("every server matches its TLSA records; null: it has none to use, or unknown of one")
    ]
    tlsa: Annotated[Verdict, Column("it has TLSA records that senders may use; null: unknown")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainTlsRow:
    """One criterion."""

    group: Group
    exchanges: Annotated[str, Column("every: over all exchanges of a domain; first: over those tried first")]
    criterion: Annotated[
        str, Column("tls, valid, named, dane or mta_sts; each of the first three needs the one before")
    ]
    meaning: Annotated[str, Column("when it holds for a domain")]
    domains: Annotated[int, Column("domains with such an exchange that has a server which was asked")]
    known: Annotated[int, Column("of these: it holds, or it is known that it does not")]
    holds: Annotated[int, Column("of known: it holds")]
    share: Annotated[float | None, Column("holds / known")]


def exchange_security(evidence: Evidence) -> ibis.Table:
    """The verdict on every exchange that was asked.

    Returns:
        One row per exchange with a server that was grabbed, most domains first.
    """
    mail = mail_domains(evidence)
    sizes = mail.exchanges.group_by("exchange").agg(domains=mail.exchanges.domain.nunique())
    rows = _exchanges(evidence).join(sizes, "exchange")
    return rows.filter(rows.asked > 0).order_by(rows.domains.desc(), "exchange")


def domain_tls(evidence: Evidence) -> ibis.Table:
    """Domains by what all their exchanges do, and by what those do that are tried first.

    Returns:
        One row per group, scope and criterion; none where nobody was grabbed.
    """
    rows = grouped(evidence, _domain_verdicts(evidence))
    counts = rows.group_by("group", "exchanges", "criterion").agg(
        domains=rows.count(), known=rows.verdict.count(), holds=rows.verdict.sum().fill_null(0)
    )
    places = list(CRITERIA)
    counts = counts.mutate(
        share=share(counts.holds, counts.known),
        meaning=counts.criterion.cases(*CRITERIA.items(), else_=""),
        order=counts.criterion.cases(*((name, places.index(name)) for name in places), else_=99),
    )
    return in_group_order(evidence, counts, "exchanges", "order")


def _domain_verdicts(evidence: Evidence) -> ibis.Table:
    """domain, exchanges (every, first), criterion, verdict."""
    mail = mail_domains(evidence)
    judged = _exchanges(evidence)
    rows = mail.exchanges.left_join(judged, "exchange").drop("exchange_right")
    rows = rows.filter(rows.state.notin(_WITHOUT_ADDRESS)).left_join(_policies(evidence), "domain")
    rows = rows.drop("domain_right")
    covered = rows.enforced.fill_null(False) & ~rows.uncovered.contains(rows.exchange).fill_null(False)
    policy = rows.policy_known.ifelse(covered & rows.named, ibis.null("boolean"))
    rows = rows.mutate(
        dane=(rows.tlsa == False).ifelse(False, rows.dane),  # noqa: E712
        mta_sts=(rows.policy_known & ~covered).ifelse(False, policy),
    )
    parts = [
        _of_domains(rows if scope == "every" else rows.filter(rows["rank"] == 1), scope, criterion)
        for scope in ("every", "first")
        for criterion in CRITERIA
    ]
    return reduce(ibis.union, parts)


def _of_domains(rows: ibis.Table, scope: str, criterion: str) -> ibis.Table:
    verdict = rows[criterion]
    each = rows.group_by("domain").agg(
        asked=rows.asked.sum(), no=(~verdict).any().fill_null(False), unknown=verdict.isnull().any()
    )
    return each.filter(each.asked > 0).select(
        "domain", exchanges=ibis.literal(scope), criterion=ibis.literal(criterion),
        verdict=ibis.cases((each.no, False), (each.unknown, ibis.null("boolean")), else_=True),
    )  # fmt: skip


def _policies(evidence: Evidence) -> ibis.Table:
    """domain, policy_known, enforced (its mode is enforce), uncovered."""
    listed = of_run(evidence.dataset.table("domains"), evidence.run_id)
    state = listed.mta_sts.state
    known = state.isin([str(PolicyState.PRESENT), str(PolicyState.ABSENT), str(PolicyState.INVALID)])
    present = (state == str(PolicyState.PRESENT)) & (listed.mta_sts["mode"] == "enforce")
    return listed.select(
        "domain", policy_known=known.fill_null(False), enforced=present.fill_null(False),
        uncovered=listed.mta_sts.uncovered,
    )  # fmt: skip


def _exchanges(evidence: Evidence) -> ibis.Table:
    """exchange, servers, asked, tls, valid, named, dane, tlsa: held."""

    def made() -> ibis.Table:
        rows = _servers(evidence)
        counts = rows.group_by("exchange").agg(
            servers=rows.count(), asked=rows.asked.sum(), tlsa=rows.tlsa.any(),
            **{name: _all_of(rows[name]) for name in ("tls", "valid", "named", "dane")},
        )  # fmt: skip
        return evidence.dataset.put("exchange_verdicts", counts)

    return evidence.once("exchange_verdicts", made)


def _all_of(verdict: ibis.Value) -> ibis.Value:
    """False if one is; else null if one is; else true."""
    no, unknown = (~verdict).any().fill_null(False), verdict.isnull().any()
    return ibis.cases((no, False), (unknown, ibis.null("boolean")), else_=True)


def _servers(evidence: Evidence) -> ibis.Table:
    """One row per exchange and server: exchange, ip, asked, tls, valid, named, dane, tlsa."""
    mail = mail_domains(evidence)
    pairs = mail.servers.select("exchange", "ip").distinct()
    rows = pairs.left_join(_grabbed(evidence), "ip").drop("ip_right")
    rows = rows.left_join(_tlsa(evidence), "exchange").drop("exchange_right")
    rows = rows.left_join(_dane(evidence), ["exchange", "ip"]).drop("exchange_right", "ip_right")
    names = rows.presented.fill_null(ibis.literal([], "array<string>"))
    matches = names.contains(rows.exchange) | names.contains(wildcard_for(rows.exchange)).fill_null(False)
    asked_for_another = (rows.sni != rows.exchange).fill_null(True) | (
        rows.sans_count.fill_null(0) > SANS_KEPT
    )
    is_named = ibis.cases((matches, True), (asked_for_another, ibis.null("boolean")), else_=False)
    valid = (rows.tls == False).ifelse(False, rows.trusted)  # noqa: E712
    named = (valid == False).ifelse(False, valid & is_named)  # noqa: E712
    return rows.mutate(asked=rows.asked.fill_null(False), valid=valid, named=named)


def _grabbed(evidence: Evidence) -> ibis.Table:
    """ip, asked, tls, trusted, sni, presented, sans_count: of the last grab of port 25."""
    dataset, run_id = evidence.dataset, evidence.run_id
    grabs = dataset.table("grabs")
    smtp = grabs.filter(grabs.service == _SERVICE).select(
        "run_id", "ip", "service", "attempt", "outcome", "starttls_offered",
        version=grabs.tls.version, leaf_sha256=grabs.tls.leaf_sha256,
        sni=grabs.tls.sni.lower().re_replace(r"\.$", ""),
    )  # fmt: skip
    last = final_grabs(smtp, run_id)
    no = (last.starttls_offered == False).fill_null(False) | last.outcome.isin(_NO)  # noqa: E712
    tls = ibis.cases((last.version.notnull(), True), (no, False), else_=ibis.null("boolean"))
    verdicts = chain_status(dataset, run_id).filter(lambda t: t.service == _SERVICE)
    verdicts = verdicts.filter(verdicts.root_store == ibis.literal(main_store(evidence), "string"))
    certificates = dataset.table("certificates")
    rows = last.mutate(tls=tls, asked=True).left_join(verdicts.select("ip", "trusted"), "ip").drop("ip_right")
    rows = rows.left_join(presented_names(certificates), "leaf_sha256").drop("leaf_sha256_right")
    counted = certificates.select("sans_count", leaf_sha256="sha256")
    rows = rows.left_join(counted, "leaf_sha256").drop("leaf_sha256_right")
    return rows.select("ip", "asked", "tls", "trusted", "sni", "presented", "sans_count")


def _tlsa(evidence: Evidence) -> ibis.Table:
    """exchange, tlsa: whether it has records that senders may use; null: unknown."""
    records = of_run(evidence.dataset.table("mx"), evidence.run_id)
    known = records.tlsa_state.isin(
        [str(PolicyState.PRESENT), str(PolicyState.ABSENT), str(PolicyState.INVALID)]
    )
    usable = (records.tlsa_state == str(PolicyState.PRESENT)) & records.tlsa_secure.fill_null(False)
    told = records.select("exchange", usable=known.ifelse(usable, ibis.null("boolean")))
    return told.group_by("exchange").agg(tlsa=told.usable.any())


def _dane(evidence: Evidence) -> ibis.Table:
    """exchange, ip, dane: of servers that showed a chain, of exchanges with records that senders may use."""
    return ibis.memtable(pa.Table.from_pylist(list(_dane_rows(evidence)), schema=_VERDICTS))


def _dane_rows(evidence: Evidence) -> Iterator[dict[str, object]]:
    dataset, run_id = evidence.dataset, evidence.run_id
    records = of_run(dataset.table("mx"), run_id)
    usable = records.filter((records.tlsa_state == str(PolicyState.PRESENT)) & records.tlsa_secure)
    each = usable.select("exchange", "tlsa", ip=usable.addresses.unnest())
    grabs = dataset.table("grabs")
    shown = grabs.filter((grabs.service == _SERVICE) & grabs.tls.leaf_sha256.notnull()).select(
        "run_id", "ip", "service", "attempt", "started_at", chain=grabs.tls.chain
    )
    found = each.join(final_grabs(shown, run_id), "ip").to_pyarrow().to_pylist()
    certificates = _certificates(evidence, {sha256 for row in found for sha256 in row["chain"]})
    done = set()
    for row in found:
        if (row["exchange"], row["ip"]) in done:
            continue
        done.add((row["exchange"], row["ip"]))
        yield {"exchange": row["exchange"], "ip": row["ip"], "dane": _matches(row, certificates)}


def _certificates(evidence: Evidence, wanted: set[str]) -> dict[str, dict[str, Any]]:
    if not wanted:
        return {}
    table = evidence.dataset.table("certificates")
    rows = table.filter(table.sha256.isin(sorted(wanted))).select("sha256", "der", "sans").to_pyarrow()
    return {row["sha256"]: row for row in rows.to_pylist()}


def _matches(row: dict[str, Any], certificates: dict[str, dict[str, Any]]) -> bool | None:
    chain = [certificates[sha256] for sha256 in row["chain"] if sha256 in certificates]
    if len(chain) < len(row["chain"]) or not chain:
        return None
    verdict = tlsa_verdict(
        [one["der"] for one in chain],
        [
            TlsaRecord(one["usage"], one["selector"], one["matching_type"], bytes.fromhex(one["data"]))
            for one in row["tlsa"]
        ],
        at=row["started_at"],
        names=(row["exchange"],),
        sans=tuple(chain[0]["sans"] or ()),
    )
    return None if verdict.status is TlsaStatus.UNUSABLE else verdict.status is TlsaStatus.MATCH
