"""Protection by whoever runs hosts (AS) or by what they run: TLS, STARTTLS, valid chains, hygiene."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.hygiene import hygiene_hosts
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.posture.verdicts import STATUSES, main_store, verdicts
from mailcensus.analysis.services import NOT_A_TLS_ANSWER
from mailcensus.dataset.tables import later_attempts, of_run, without_superseded
from mailcensus.model import ChainStatus, Outcome, Stage, TlsMode

_NO = [str(outcome) for outcome in NOT_A_TLS_ANSWER]


def protection(evidence: Evidence, members: ibis.Table, *by: str) -> ibis.Table:
    """Counts and shares over groups of hosts.

    Args:
        members: host and the columns `by`; a host may be in several groups.
    Returns:
        by, hosts, and the columns of `by_as.AsRow` behind it; null columns never group.
    """
    each = host_counts(evidence).join(members, "host")
    rows = each.join(hygiene_hosts(evidence).select("host", "hygiene"), "host", how="left")
    rows = rows.drop("host_right")
    counts = rows.group_by(*by).agg(
        hosts=rows.count(),
        **{name: rows[name].sum().cast("int64") for name in _NUMBERS},
        hygiene_known=rows.hygiene.count(),
        mean_hygiene=rows.hygiene.mean(),
    )
    return counts.mutate(
        tls_share=share(counts.tls, counts.tls_known),
        starttls_share=share(counts.starttls, counts.starttls_known),
        valid_share=share(counts.valid, counts.judged),
    )


_NUMBERS = ("tls_known", "tls", "starttls_known", "starttls", "judged", "valid")


def host_counts(evidence: Evidence) -> ibis.Table:
    """One row per host that took a connection, held: host and, over its services, the numbers of `protection`."""

    def made() -> ibis.Table:
        grabs = evidence.dataset.table("grabs")
        asked = of_run(grabs, evidence.run_id)
        tls = asked.tls.version.notnull().fill_null(False)
        narrow = asked.select(
            "ip", "service", "attempt", "outcome",
            reached=(asked.stage != str(Stage.CONNECT)) & (asked.outcome != str(Outcome.EXCLUDED)),
            may=asked.tls_mode != str(TlsMode.NONE), offered=asked.starttls_offered, tls=tls,
        )  # fmt: skip
        final = without_superseded(narrow, later_attempts(grabs, evidence.run_id)).filter("reached")
        known = final.may & (final.tls | final.outcome.isin(_NO))
        counts = final.group_by("ip").agg(
            tls_known=known.sum(), tls=final.tls.sum(), starttls_known=final.offered.count(),
            starttls=final.offered.fill_null(False).sum(),
        )  # fmt: skip
        numbered = counts.join(evidence.hosts.select("ip", "host"), "ip").drop("ip")
        rows = numbered.left_join(_judged(evidence), "host").drop("host_right")
        rows = rows.mutate(judged=rows.judged.fill_null(0), valid=rows.valid.fill_null(0))
        return evidence.dataset.put("host_counts", rows)

    return evidence.once("host_counts", made)


def _judged(evidence: Evidence) -> ibis.Table:
    store = ibis.literal(main_store(evidence), "string")
    rows = verdicts(evidence).filter(ibis._.root_store == store)
    valid = rows.status == STATUSES.index(ChainStatus.VALID)
    return rows.group_by("host").agg(judged=rows.count(), valid=valid.sum())
