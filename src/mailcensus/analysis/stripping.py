"""What somebody in the middle gets who cuts STARTTLS out: passwords that servers take in the clear; and injection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.authentication.offers import Side, count, offers
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, TlsMode

INJECTION = "starttls_injection"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrippingRow:
    """One service that starts TLS on request."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    known: Annotated[int, Column("hosts that said before TLS what they can")]
    exposed: Annotated[
        int, Column("of known: take a password in the clear before TLS: PLAIN, LOGIN, POP3's USER offered, or IMAP "
                    "without LOGINDISABLED")
    ]  # fmt: skip
    exposed_share: Annotated[float | None, Column("exposed / known")]
    strippable: Annotated[int, Column("of exposed: offer STARTTLS, which somebody in the middle can cut out")]
    strippable_share: Annotated[float | None, Column("strippable / known")]
    unprotected: Annotated[int, Column("of exposed: offer no STARTTLS at all")]
    unprotected_share: Annotated[float | None, Column("unprotected / known")]
    unknown: Annotated[int, Column("other hosts that took the connection; in no share")]
    injection_known: Annotated[int, Column("hosts of which the injection check came to something")]
    injected: Annotated[int, Column("of these: obeyed behind TLS what was sent before it (CVE-2011-0411)")]
    injected_share: Annotated[float | None, Column("injected / injection_known")]


def starttls_stripping(evidence: Evidence) -> ibis.Table:
    """Exposure to STARTTLS being cut out, and to commands slipped in before it.

    Returns:
        One row per service with STARTTLS of which anything is known; `exposed` and its parts out of `known`,
        `injected` out of `injection_known`.
    """
    rows = offers(evidence).filter(ibis._.side == str(Side.BEFORE))
    exposed = rows.plain.fill_null(False) | ~rows.login_disabled.fill_null(True)
    said = rows.auth.notnull()
    counts = rows.group_by("bit").agg(
        known=count(rows, said),
        exposed=count(rows, said & exposed),
        strippable=count(rows, said & exposed & rows.starttls),
        unprotected=count(rows, said & exposed & ~rows.starttls),
        unknown=count(rows, ~said),
    )
    services = evidence.services.filter(evidence.services.tls_mode == str(TlsMode.STARTTLS))
    rows = services.join(counts, "bit").left_join(_injections(evidence), "service").drop("service_right")
    rows = rows.mutate(injection_known=rows.injection_known.fill_null(0), injected=rows.injected.fill_null(0))
    return rows.mutate(
        exposed_share=share(rows.exposed, rows.known),
        strippable_share=share(rows.strippable, rows.known),
        unprotected_share=share(rows.unprotected, rows.known),
        injected_share=share(rows.injected, rows.injection_known),
    ).order_by("port", "service")


def _injections(evidence: Evidence) -> ibis.Table:
    """service, injection_known, injected: hosts; one that obeyed once obeys."""
    asked = of_run(evidence.dataset.table("followups"), evidence.run_id)
    asked = asked.filter((asked.purpose == INJECTION) & asked.starttls_injected.notnull())
    hosts = asked.group_by("service", "ip").agg(injected=asked.starttls_injected.any())
    return hosts.group_by("service").agg(injection_known=hosts.count(), injected=hosts.injected.sum())
