"""Chain verdicts beside handshakes and leaf certificates.

A handshake has the verdict, by each root store, that `chains` holds for its chain at the time of the grab; without
one its verdict is unknown. Of a store that was judged with in several states, the newest counts.
"""

from __future__ import annotations

import ibis

from mailcensus.analysis.chain_status import newest_verdicts
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.tls_grabs import numbered_chains, tls_grabs
from mailcensus.model import ChainStatus

STATUSES = tuple(str(status) for status in ChainStatus)
_MOZILLA = "mozilla"
_OF_CODE = {
    **dict.fromkeys((2, 20, 21), ChainStatus.BROKEN_CHAIN),
    7: ChainStatus.BAD_SIGNATURE,
    9: ChainStatus.NOT_YET_VALID,
    10: ChainStatus.EXPIRED,
    18: ChainStatus.SELF_SIGNED,
    19: ChainStatus.UNTRUSTED_ROOT,
    66: ChainStatus.WEAK_KEY,
    67: ChainStatus.WEAK_KEY,
    68: ChainStatus.WEAK_SIGNATURE,
}
"""X509_V_ERR_* and the status that each alone would be."""
_ROW = ("chain", "root_store", "holds_from")
_EVER, _NEVER = (
    ibis.literal(time, "timestamp('UTC')")
    for time in ("0001-01-01 00:00:00+00:00", "9999-12-31 00:00:00+00:00")
)


def main_store(evidence: Evidence) -> str | None:
    """The root store by which tables that need one verdict judge: Mozilla's, else the first by name."""

    def found() -> str | None:
        stores = evidence.dataset.table("chains").root_store
        names = sorted(stores.as_table().distinct().to_pyarrow()["root_store"].to_pylist())
        return _MOZILLA if _MOZILLA in names else next(iter(names), None)

    return evidence.once("main_store", found)


def judged_chains(evidence: Evidence) -> ibis.Table:
    """Rows of `chains` that count, held.

    Returns:
        chain (number), root_store, store_date, holds_from, holds_until (never null), status (place in STATUSES),
        wrong (bit mask of places: everything found wrong; of a valid chain 0), root_issued_leaf, repairable (valid
        with intermediates known from elsewhere).
    """

    def judged() -> ibis.Table:
        rows = newest_verdicts(evidence.dataset.table("chains")).join(numbered_chains(evidence), "chain_id")
        rows = rows.select(
            "chain", "root_store", "store_date", "root_issued_leaf", "errors",
            holds_from=rows.holds_from.fill_null(_EVER),
            holds_until=rows.holds_until.fill_null(_NEVER),
            status=ibis.literal(list(STATUSES)).index(rows.status).cast("int8"),
            repairable=rows.valid_with_known_intermediates,
        )  # fmt: skip
        wrong = evidence.dataset.put("wrong_chains", _wrong(rows))
        wanted = rows.drop("errors").left_join(wrong, list(_ROW))
        wanted = wanted.drop(*(f"{name}_right" for name in _ROW)).mutate(wrong=wanted.wrong.fill_null(0))
        return evidence.dataset.put("judged_chains", wanted)

    return evidence.once("judged_chains", judged)


def verdicts(evidence: Evidence) -> ibis.Table:
    """Handshakes with their verdicts, a view: host, bit, certificate and the columns of `judged_chains`."""
    grabs, judged = tls_grabs(evidence), judged_chains(evidence)
    shown = grabs.select("host", "bit", "certificate", "started_at", "chain")
    same = [shown.chain == judged.chain, judged.holds_from <= shown.started_at]
    rows = shown.join(judged, [*same, shown.started_at < judged.holds_until])
    return rows.drop("chain_right", "holds_from", "holds_until", "started_at")


def leaf_verdicts(evidence: Evidence) -> ibis.Table:
    """What the main store says of leaf certificates over all handshakes that showed them, held.

    Returns:
        certificate, valid (in any handshake), self_signed (status in any), root_issued (a root of the store signed
        it, in any; null: no path to a root).
    """

    def worked_out() -> ibis.Table:
        rows = verdicts(evidence)
        store = ibis.literal(main_store(evidence), "string")
        rows = rows.filter((rows.root_store == store) & rows.certificate.notnull())
        valid, self_signed = (
            STATUSES.index(status) for status in (ChainStatus.VALID, ChainStatus.SELF_SIGNED)
        )
        found = rows.group_by("certificate").agg(
            valid=(rows.status == valid).any(),
            self_signed=(rows.status == self_signed).any(),
            root_issued=rows.root_issued_leaf.any(where=rows.status == valid),
        )
        return evidence.dataset.put("leaf_verdicts", found)

    return evidence.once("leaf_verdicts", worked_out)


def _wrong(rows: ibis.Table) -> ibis.Table:
    """Of every row with errors, the mask of everything found wrong: _ROW, wrong."""
    each = rows.select(*_ROW, error=rows.errors.unnest())
    flags = {code: 1 << STATUSES.index(status) for code, status in _OF_CODE.items()}
    flag = each.error.code.cast("int64").cases(*flags.items(), else_=1 << STATUSES.index(ChainStatus.OTHER))
    return each.mutate(flag=flag).group_by(list(_ROW)).agg(wrong=ibis._.flag.bit_or().cast("int16"))
