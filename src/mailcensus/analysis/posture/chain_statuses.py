"""Chain verdicts by service: figure 4 of "TLS in the Wild"; and leafs that roots issued themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, in_order, share
from mailcensus.analysis.posture.leaves import leaves
from mailcensus.analysis.posture.tls_grabs import tls_grabs
from mailcensus.analysis.posture.verdicts import STATUSES, main_store, verdicts
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import ChainStatus, Column


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStatusRow:
    """One verdict of one root store on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    root_store: Annotated[str, Column("who judges")]
    store_date: Annotated[date, Column("day of the store")]
    status: Annotated[ChainStatus, Column("the verdict, see chains.status")]
    handshakes: Annotated[int, Column("last grabs whose chain has this verdict at the time of the grab")]
    share: Annotated[float | None, Column("handshakes / judged")]
    found: Annotated[
        int, Column("last grabs with this among everything found wrong (valid: nothing found wrong)")
    ]
    found_share: Annotated[
        float | None, Column("found / judged; shares may add up to more than 100 %, as published")
    ]
    judged: Annotated[int, Column("last grabs on this service whose chain has a verdict of this store")]
    unknown: Annotated[int, Column("last grabs with TLS without one: no certificate, or not judged")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaPracticeRow:
    """Leafs that a root issued itself, of those shown on one service."""

    service: Annotated[str, Column("row of the services table; all: every service, each leaf once")]
    port: Annotated[int | None, Column("its standard port")]
    root_store: Annotated[str, Column("who judges")]
    verifiable: Annotated[int, Column("different leafs whose chain this store finds valid")]
    root_issued: Annotated[int, Column("of verifiable: a root of the store signed the leaf itself")]
    root_issued_share: Annotated[float | None, Column("root_issued / verifiable")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChainRow:
    """Chains with a missing issuer on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    root_store: Annotated[str, Column("who judges")]
    broken: Annotated[int, Column("last grabs in whose chain an issuer is missing")]
    repairable_known: Annotated[int, Column("of broken: tried with intermediates seen elsewhere")]
    repairable: Annotated[int, Column("of repairable_known: valid with them")]
    repairable_share: Annotated[float | None, Column("repairable / repairable_known")]


def chain_statuses(evidence: Evidence) -> ibis.Table:
    """Figure 4: valid, self-signed, expired, broken and other chains, by service and root store.

    Returns:
        One row per service, root store and status that is there; `handshakes` and `found` out of `judged`.
    """
    alike = _alike(evidence)
    statuses = _statuses()
    has = ((alike.wrong & statuses.flag) != 0) | ((statuses.flag == 0) & (alike.wrong == 0))
    each = alike.join(statuses, has | (alike.status == statuses.place))
    counts = each.group_by("bit", "root_store", "place", status="name").agg(
        handshakes=each.handshakes.sum(where=each.status == each.place).fill_null(0),
        found=each.handshakes.sum(where=has).fill_null(0),
    )
    rows = and_all(evidence, counts, "root_store", "place", "status")
    judged = _judged(evidence, alike).drop("port", "together")
    rows = rows.join(judged, ["service", "root_store"])
    rows = rows.mutate(share=share(rows.handshakes, rows.judged), found_share=share(rows.found, rows.judged))
    return in_order(rows, "root_store", "place")


def broken_chains(evidence: Evidence) -> ibis.Table:
    """Chains with a missing intermediate, and whether intermediates seen elsewhere mend them.

    Returns:
        One row per service with verdicts and root store; `repairable` out of `repairable_known`.
    """
    rows = _alike(evidence)
    broken = (rows.wrong & (1 << STATUSES.index(ChainStatus.BROKEN_CHAIN))) != 0
    counts = rows.group_by("bit", "root_store").agg(
        broken=rows.handshakes.sum(where=broken).fill_null(0),
        repairable_known=rows.handshakes.sum(where=broken & rows.repairable.notnull()).fill_null(0),
        repairable=rows.handshakes.sum(where=broken & rows.repairable).fill_null(0),
    )
    rows = and_all(evidence, counts, "root_store")
    rows = rows.mutate(repairable_share=share(rows.repairable, rows.repairable_known))
    return in_order(rows, "root_store")


def ca_practice(evidence: Evidence) -> ibis.Table:
    """Leafs issued directly by a root, against what CAs promise.

    Returns:
        One row per service that shows leafs that the main root store finds valid; `root_issued` out of
        `verifiable`.
    """
    shown = leaves(evidence)
    valid = shown.filter(shown.valid.fill_null(False))
    alike = valid.group_by("mask").agg(
        verifiable=valid.count(), root_issued=valid.root_issued.sum().fill_null(0)
    )
    counts = and_all(evidence, alike)
    rows = counts.mutate(
        root_issued_share=share(counts.root_issued, counts.verifiable),
        root_store=ibis.literal(main_store(evidence) or "", "string"),
    )
    return in_order(beside(rows, "ca_practice"))


def _alike(evidence: Evidence) -> ibis.Table:
    """Handshakes with equal verdicts, held: bit, root_store, store_date, status, wrong, repairable, handshakes."""

    def counted() -> ibis.Table:
        rows = verdicts(evidence)
        counts = rows.group_by("bit", "root_store", "store_date", "status", "wrong", "repairable")
        return evidence.dataset.put("handshakes_judged", counts.agg(handshakes=rows.count()))

    return evidence.once("handshakes_judged", counted)


def _judged(evidence: Evidence, alike: ibis.Table) -> ibis.Table:
    """bit, root_store, store_date, judged, unknown."""
    dates = alike.group_by("root_store").agg(store_date=alike.store_date.max())
    judged = alike.group_by("bit", "root_store").agg(judged=alike.handshakes.sum())
    grabs = tls_grabs(evidence)
    tls = grabs.group_by("bit").agg(tls=grabs.count())
    # A service of which no chain was judged is in the sum over all services too.
    each = tls.cross_join(dates.select("root_store")).left_join(judged, ["bit", "root_store"])
    each = each.select("bit", "root_store", tls=each.tls, judged=each.judged.fill_null(0))
    whole = and_all(evidence, each, "root_store").join(dates, "root_store")
    return whole.mutate(unknown=whole.tls - whole.judged).drop("tls")


def _statuses() -> ibis.Table:
    """place (in STATUSES), name, flag (in `wrong`; of valid 0: nothing is wrong)."""
    flags = [0 if status == ChainStatus.VALID else 1 << place for place, status in enumerate(STATUSES)]
    return ibis.memtable(
        {"place": list(range(len(STATUSES))), "name": list(STATUSES), "flag": flags},
        schema={"place": "int8", "name": "string", "flag": "int16"},
    )
