"""What root stores say of the chain that each host sent on each service, at the time when it sent it."""

from __future__ import annotations

import ibis

from mailcensus.analysis.database_functions import sha256
from mailcensus.dataset.tables import Dataset, later_attempts, of_run, without_superseded
from mailcensus.model import ChainStatus

_EVER, _NEVER = (
    ibis.literal(time, "timestamp('UTC')")
    for time in ("0001-01-01 00:00:00+00:00", "9999-12-31 00:00:00+00:00")
)


def chain_status(dataset: Dataset, run_id: str | None) -> ibis.Table:
    """The verdict of every root store on the last grab of each host and service of a run.

    Returns:
        One row per ip, service and root_store, for grabs that showed a chain which that store has judged:
        leaf_sha256, chain_id, store_date, status, trusted (status is valid), valid_with_known_intermediates,
        root_issued_leaf, wrong_order, superfluous, revocation. A host and service without a row is unknown. Of a
        store that judged in several states the newest counts.
    """
    shown = _shown(dataset, run_id)
    rows = newest_verdicts(dataset.table("chains"))
    rows = rows.mutate(
        holds_from=rows.holds_from.fill_null(_EVER), holds_until=rows.holds_until.fill_null(_NEVER)
    )
    same = [shown.chain_id == rows.chain_id, rows.holds_from <= shown.started_at]
    both = shown.join(rows, [*same, shown.started_at < rows.holds_until])
    return both.select(
        "ip", "service", "leaf_sha256", "chain_id", "root_store", "store_date", "status",
        "valid_with_known_intermediates", "root_issued_leaf", "wrong_order", "superfluous", "revocation",
        trusted=both.status == str(ChainStatus.VALID),
    )  # fmt: skip


def newest_verdicts(chains: ibis.Table) -> ibis.Table:
    """Of each root store the rows of its newest state."""
    states = chains.group_by("root_store").agg(
        newest=chains.store_sha256.argmax(
            ibis.struct({"date": chains.store_date, "name": chains.store_sha256})
        )
    )
    rows = chains.join(states, "root_store")
    return rows.filter(rows.store_sha256 == rows.newest).drop("newest")


def _shown(dataset: Dataset, run_id: str | None) -> ibis.Table:
    grabs = dataset.table("grabs")
    with_chain = of_run(grabs, run_id).filter(grabs.tls.leaf_sha256.notnull())
    narrow = with_chain.select(
        "ip", "service", "attempt", "started_at",
        leaf_sha256=with_chain.tls.leaf_sha256,
        chain_id=sha256(with_chain.tls.chain.join("")),
    )  # fmt: skip
    return without_superseded(narrow, later_attempts(grabs, run_id)).drop("attempt")
