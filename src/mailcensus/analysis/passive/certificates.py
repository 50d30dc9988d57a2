"""Certificates that users met: verdicts on chains (figure 5) and certificates on several servers (table VII)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.chain_status import newest_verdicts
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import and_all, by_both, in_order
from mailcensus.analysis.passive.seen import mail
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.posture.verdicts import main_store
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import ChainStatus, Column

ZEEK = "zeek"
"""The judge where the verdict is that of Zeek's ssl.log (validation_status), by the roots that Zeek had."""
_WORDS: dict[str, ChainStatus] = {
    "ok": ChainStatus.VALID,
    "self signed certificate": ChainStatus.SELF_SIGNED,
    "self-signed certificate": ChainStatus.SELF_SIGNED,
    "self signed certificate in certificate chain": ChainStatus.UNTRUSTED_ROOT,
    "self-signed certificate in certificate chain": ChainStatus.UNTRUSTED_ROOT,
    "unable to get issuer certificate": ChainStatus.BROKEN_CHAIN,
    "unable to get local issuer certificate": ChainStatus.BROKEN_CHAIN,
    "unable to verify the first certificate": ChainStatus.BROKEN_CHAIN,
    "certificate has expired": ChainStatus.EXPIRED,
    "certificate is not yet valid": ChainStatus.NOT_YET_VALID,
    "certificate signature failure": ChainStatus.BAD_SIGNATURE,
    "EE certificate key too weak": ChainStatus.WEAK_KEY,
    "ee certificate key too weak": ChainStatus.WEAK_KEY,
    "CA certificate key too weak": ChainStatus.WEAK_KEY,
    "ca certificate key too weak": ChainStatus.WEAK_KEY,
    "CA signature digest algorithm too weak": ChainStatus.WEAK_SIGNATURE,
    "ca md too weak": ChainStatus.WEAK_SIGNATURE,
}
"""OpenSSL's words (x509_txt.c; before version 3 without hyphens) and the verdict that they alone are."""
_EVER, _NEVER = (
    ibis.literal(time, "timestamp('UTC')")
    for time in ("0001-01-01 00:00:00+00:00", "9999-12-31 00:00:00+00:00")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveChainStatusRow:
    """One verdict of one judge on one service."""

    service: Annotated[str, Column("row of the services table; all: every service together")]
    port: Annotated[int | None, Column("its standard port")]
    judge: Annotated[str, Column("root store by which we judged; zeek: Zeek did, by the roots it had")]
    status: Annotated[ChainStatus, Column("the verdict at the time of the connection, see chains.status")]
    connections: Annotated[int, Column("connections that showed such a chain")]
    known_connections: Annotated[int, Column("connections on the service with a verdict of this judge")]
    connection_share: Annotated[float | None, Column("connections / known_connections")]
    servers: Annotated[int, Column("servers that showed such a chain at least once")]
    known_servers: Annotated[int, Column("servers on the service with a verdict of this judge")]
    server_share: Annotated[float | None, Column("servers / known_servers")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCertificateRow:
    """Certificates of one service that several servers show."""

    service: Annotated[str, Column("row of the services table; all: every service, each certificate once")]
    port: Annotated[int | None, Column("its standard port")]
    certificates: Annotated[int, Column("different end-host certificates seen")]
    duplicates: Annotated[int, Column("of certificates: seen from two or more servers' addresses")]
    duplicate_share: Annotated[float | None, Column("duplicates / certificates")]
    duplicates_judged: Annotated[int, Column("of duplicates: their chains have a verdict")]
    valid_duplicates: Annotated[int, Column("of duplicates_judged: valid in any connection")]
    valid_share: Annotated[float | None, Column("valid_duplicates / duplicates_judged")]
    published: Published
    source: Source


def passive_chain_statuses(evidence: Evidence) -> ibis.Table:
    """Figure 5: verdicts on the chains that users met, by server and by connection.

    Returns:
        One row per service, judge and status that is there.
    """
    rows = by_both(evidence, "passive_by_status", judged(evidence), "judge", "status", within=("judge",))
    place = ibis.literal([str(status) for status in ChainStatus]).index(rows.status)
    return in_order(beside(rows, "passive_chain_statuses"), "judge", place)


def passive_duplicate_certificates(evidence: Evidence) -> ibis.Table:
    """Table VII: certificates on several servers, and those of them that are valid.

    Returns:
        One row per service on which any certificate was seen. The verdict is that of the main root store, or Zeek's
        where there is none.
    """
    rows = mail(evidence).filter(ibis._.leaf.notnull())
    verdicts = judged(evidence)
    store = ibis.literal(main_store(evidence) or ZEEK, "string")
    valid = verdicts.group_by("leaf").agg(
        by_store=(verdicts.status == str(ChainStatus.VALID)).any(where=verdicts.judge == store),
        by_zeek=(verdicts.status == str(ChainStatus.VALID)).any(where=verdicts.judge == ZEEK),
    )
    each = and_all(rows.select("service", "port", "leaf", "ip").distinct())
    leaves = each.group_by("service", "port", "together", "leaf").agg(addresses=each.ip.nunique())
    leaves = leaves.left_join(valid, "leaf").mutate(valid=ibis.coalesce(ibis._.by_store, ibis._.by_zeek))
    twice = leaves.addresses >= 2
    counts = leaves.group_by("service", "port", "together").agg(
        certificates=leaves.count(),
        duplicates=leaves.count(where=twice),
        duplicates_judged=leaves.count(where=twice & leaves.valid.notnull()),
        valid_duplicates=leaves.count(where=twice & leaves.valid.fill_null(False)),
    )
    counts = counts.mutate(
        duplicate_share=share(counts.duplicates, counts.certificates),
        valid_share=share(counts.valid_duplicates, counts.duplicates_judged),
    )
    return in_order(beside(counts, "passive_duplicate_certificates"))


def judged(evidence: Evidence) -> ibis.Table:
    """Connections with a verdict, once for each judge, held: server, service, port, leaf, judge, status."""

    def made() -> ibis.Table:
        rows = mail(evidence)
        ours, zeeks = _ours(evidence, rows), _zeeks(rows)
        return evidence.dataset.put("flows_judged", ibis.union(ours, zeeks))

    return evidence.once("flows_judged", made)


def _ours(evidence: Evidence, rows: ibis.Table) -> ibis.Table:
    verdicts = newest_verdicts(evidence.dataset.table("chains"))
    verdicts = verdicts.select(
        "root_store", "status",
        of_chain="chain_id", begins=verdicts.holds_from.fill_null(_EVER), ends=verdicts.holds_until.fill_null(_NEVER),
    )  # fmt: skip
    shown = rows.filter(rows.chain_id.notnull())
    same = [shown.chain_id == verdicts.of_chain, verdicts.begins <= shown.started_at]
    both = shown.join(verdicts, [*same, shown.started_at < verdicts.ends])
    return both.select("server", "service", "port", "leaf", judge="root_store", status="status")


def _zeeks(rows: ibis.Table) -> ibis.Table:
    said = rows.filter(rows.validation.notnull())
    status = said.validation.cases(
        *((words, str(status)) for words, status in _WORDS.items()), else_=str(ChainStatus.OTHER)
    )
    return said.select("server", "service", "port", "leaf", judge=ibis.literal(ZEEK), status=status)
