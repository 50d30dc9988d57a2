"""Who answers, who speaks TLS, and how many certificates there are: table I of "TLS in the Wild"; and table III."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.posture.tls_grabs import texts_of, tls_grabs
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.analysis.services import NOT_A_TLS_ANSWER
from mailcensus.model import Column, Outcome, Stage, TlsMode

_NO = [str(outcome) for outcome in NOT_A_TLS_ANSWER]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServiceRow:
    """One service that may speak TLS."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    answering: Annotated[int, Column("hosts that took the connection")]
    tls: Annotated[int, Column("of these: chose a TLS version")]
    tls_share: Annotated[
        float | None, Column("tls / answering, as published; hosts of which it is unknown count as without")
    ]
    tls_known: Annotated[int, Column("of answering: gave TLS, or were asked for it and did not")]
    tls_known_share: Annotated[float | None, Column("tls / tls_known")]
    certificates: Annotated[int, Column("different end-host certificates (first of a chain)")]
    intermediates: Annotated[
        int, Column("certificates sent behind the first one, in all handshakes together")
    ]
    unique_intermediates: Annotated[int, Column("different ones among these")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class StarttlsRow:
    """One service that starts TLS on request."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    answering: Annotated[int, Column("hosts that took the connection")]
    known: Annotated[int, Column("of these: whether they offer STARTTLS is known")]
    supported: Annotated[int, Column("of known: offer it")]
    supported_share: Annotated[float | None, Column("supported / known")]
    answering_share: Annotated[
        float | None, Column("supported / answering, as published; unknown counts as without")
    ]
    upgrade_known: Annotated[int, Column("of supported: TLS began, or was refused or failed by the server")]
    upgraded: Annotated[int, Column("of upgrade_known: chose a TLS version")]
    upgraded_share: Annotated[float | None, Column("upgraded / upgrade_known")]
    published: Published
    source: Source


def tls_services(evidence: Evidence) -> ibis.Table:
    """Table I: hosts answering, successful TLS, unique end-host certificates, intermediates total and unique.

    Returns:
        One row per service that is not plain for good.
    """
    services = evidence.services.filter(evidence.services.tls_mode != str(TlsMode.NONE))
    kinds = _reached(evidence)
    counts = kinds.group_by("service").agg(
        answering=kinds.grabs.sum(),
        tls=_hosts(kinds, kinds.tls),
        tls_known=_hosts(kinds, kinds.tls | kinds.outcome.isin(_NO)),
    )
    shown = _certificates(evidence)
    rows = services.left_join(counts, "service").drop("service_right")
    rows = rows.left_join(shown, "bit").drop("bit_right")
    rows = rows.left_join(_unique_intermediates(evidence), "service").drop("service_right")
    counted = ("answering", "tls", "tls_known", "certificates", "intermediates", "unique_intermediates")
    rows = rows.mutate(**{name: rows[name].fill_null(0) for name in counted})
    rows = rows.mutate(
        tls_share=share(rows.tls, rows.answering), tls_known_share=share(rows.tls, rows.tls_known)
    )
    return beside(rows, "tls_services").order_by("port", "service")


def starttls(evidence: Evidence) -> ibis.Table:
    """Table III, active: STARTTLS supported and upgraded.

    Returns:
        One row per service with STARTTLS. `supported` out of `known`, `upgraded` out of `upgrade_known`.
    """
    services = evidence.services.filter(evidence.services.tls_mode == str(TlsMode.STARTTLS))
    kinds = _reached(evidence)
    offered = kinds.starttls_offered.fill_null(False)
    counts = kinds.group_by("service").agg(
        answering=kinds.grabs.sum(),
        known=_hosts(kinds, kinds.starttls_offered.notnull()),
        supported=_hosts(kinds, offered),
        upgrade_known=_hosts(kinds, offered & (kinds.tls | kinds.outcome.isin(_NO))),
        upgraded=_hosts(kinds, offered & kinds.tls),
    )
    rows = services.left_join(counts, "service").drop("service_right")
    counted = ("answering", "known", "supported", "upgrade_known", "upgraded")
    rows = rows.mutate(**{name: rows[name].fill_null(0) for name in counted})
    rows = rows.mutate(
        supported_share=share(rows.supported, rows.known),
        answering_share=share(rows.supported, rows.answering),
        upgraded_share=share(rows.upgraded, rows.upgrade_known),
    )
    return beside(rows, "starttls").order_by("port", "service")


def _reached(evidence: Evidence) -> ibis.Table:
    kinds = evidence.grab_kinds
    return kinds.filter((kinds.stage != str(Stage.CONNECT)) & (kinds.outcome != str(Outcome.EXCLUDED)))


def _hosts(kinds: ibis.Table, where: ibis.Value) -> ibis.Value:
    return kinds.grabs.sum(where=where).fill_null(0).cast("int64")


def _certificates(evidence: Evidence) -> ibis.Table:
    grabs = tls_grabs(evidence)
    return grabs.group_by("bit").agg(
        certificates=grabs.certificate.nunique(),
        intermediates=(grabs.sent - 1).sum(where=grabs.sent > 0).fill_null(0).cast("int64"),
    )


def _unique_intermediates(evidence: Evidence) -> ibis.Table:
    chains = texts_of(evidence, "chain")
    behind = chains.select("service", certificate=chains.chain[1:].unnest()).distinct()
    return behind.group_by("service").agg(unique_intermediates=behind.count())
