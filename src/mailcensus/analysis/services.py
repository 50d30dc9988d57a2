"""How every service fared."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Outcome, Stage

NOT_A_TLS_ANSWER = (Outcome.NO_STARTTLS, Outcome.TLS_ALERT, Outcome.TLS_ERROR)
"""Outcomes that say a host was asked for TLS and did not give it. Everything else without TLS is unknown."""


def services(evidence: Evidence) -> ibis.Table:
    """Every service with its outcomes; unknown (rate limited, timed out, ...) is never counted as a no.

    Returns:
        One row per service asked, by standard port. Each share names its denominator in its column.
    """
    kinds = evidence.grab_kinds
    counts = kinds.group_by("service").agg(**_counts(kinds))
    showing = _hosts_showing(evidence)
    rows = evidence.services.join(counts, "service").left_join(showing, "service")
    rows = rows.mutate(key_shown=rows.key_shown.fill_null(0))
    return rows.mutate(
        connected_share=_share(rows.connected, rows.asked),
        ok_share=_share(rows.ok, rows.asked),
        starttls_share=_share(rows.starttls_offered, rows.starttls_known),
        tls_share=_share(rows.tls, rows.tls_known),
        key_shown_share=_share(rows.key_shown, rows.connected),
    ).order_by("port", "service")


def outcomes(evidence: Evidence) -> ibis.Table:
    """How grabs ended.

    Returns:
        One row per service, outcome and stage; `grabs` out of `asked`, the hosts asked for that service.
    """
    kinds = evidence.grab_kinds
    rows = kinds.group_by("service", "outcome", "stage").agg(grabs=kinds.grabs.sum())
    asked = kinds.group_by("service").agg(asked=kinds.grabs.sum())
    rows = rows.join(asked, "service").join(evidence.services.select("service", "port"), "service")
    return rows.mutate(share=rows.grabs / rows.asked).order_by(
        "port", "service", ibis.desc("grabs"), "outcome", "stage"
    )


def _counts(kinds: ibis.Table) -> dict[str, ibis.Value]:
    def hosts(where: ibis.Value) -> ibis.Value:
        return kinds.grabs.sum(where=where).fill_null(0)

    not_connected = (kinds.stage == str(Stage.CONNECT)) | (kinds.outcome == str(Outcome.EXCLUDED))
    outcome_counts = {str(outcome): hosts(kinds.outcome == str(outcome)) for outcome in Outcome}
    return {
        "asked": kinds.grabs.sum(),
        "connected": hosts(~not_connected),
        "starttls_known": hosts(kinds.starttls_offered.notnull()),
        "starttls_offered": hosts(kinds.starttls_offered.fill_null(False)),
        "tls_known": hosts(kinds.tls | kinds.outcome.isin([str(outcome) for outcome in NOT_A_TLS_ANSWER])),
        "tls": hosts(kinds.tls),
        **outcome_counts,
    }


def _hosts_showing(evidence: Evidence) -> ibis.Table:
    """Hosts that showed a key, per service."""
    hosts = evidence.showing_hosts
    masks = hosts.group_by("mask").agg(hosts=hosts.count())
    each = masks.join(evidence.services, (masks.mask & evidence.services.bit) != 0)
    return each.group_by("service").agg(key_shown=each.hosts.sum())


def _share(part: ibis.Value, whole: ibis.Value) -> ibis.Value:
    return part / whole.nullif(0)
