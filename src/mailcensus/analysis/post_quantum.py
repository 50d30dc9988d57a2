"""Key exchange that withstands quantum computers: TLS groups used, SSH methods offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.posture.key_exchange import GroupKind, kind_of
from mailcensus.analysis.posture.tls_grabs import tls_grabs
from mailcensus.analysis.ssh_offers import ssh_alike
from mailcensus.model import Column
from mailcensus.wire.tls.codes import GROUPS, TLS_1_3

SSH_METHODS = ("sntrup", "mlkem", "kyber")
"""How post-quantum methods of SSH begin: draft-ietf-sshm-ntruprime-ssh, draft-ietf-sshm-mlkem-hybrid-kex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostQuantumRow:
    """One service."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    shaken: Annotated[int, Column("hosts that chose a TLS version, or by SSH said what they offer")]
    able: Annotated[int, Column("of shaken: in TLS 1.3 (only it has such groups), or by SSH")]
    post_quantum: Annotated[
        int, Column("of able: TLS: used a hybrid group, which our hello offers; SSH: offer such a method")
    ]
    share: Annotated[float | None, Column("post_quantum / shaken")]
    able_share: Annotated[float | None, Column("post_quantum / able")]
    asked_for: Annotated[
        int | None, Column("TLS: of post_quantum: asked for it by HelloRetryRequest; SSH: null")
    ]


def post_quantum(evidence: Evidence) -> ibis.Table:
    """Post-quantum key exchange by service; TLS by what was used, SSH by what is offered.

    Returns:
        One row per service with handshakes, or with what SSH servers offer.
    """
    grabs = tls_grabs(evidence)
    hybrids = [code for code in GROUPS if kind_of(code) is GroupKind.HYBRID]
    used = grabs.group.isin(hybrids).fill_null(False)
    tls = grabs.group_by("bit").agg(
        shaken=grabs.count(),
        able=(grabs.version == TLS_1_3).sum(),
        post_quantum=used.sum(),
        asked_for=(used & grabs.hello_retry.fill_null(False)).sum(),
    )
    offers = ssh_alike(evidence).filter(ibis._.kex_algorithms.notnull())
    words = "," + offers.kex_algorithms.join(",")
    offered = ibis.or_(*(words.contains(f",{method}") for method in SSH_METHODS))
    ssh = offers.group_by("bit").agg(
        shaken=offers.hosts.sum(),
        able=offers.hosts.sum(),
        post_quantum=offers.hosts.sum(where=offered).fill_null(0),
        asked_for=ibis.null("int64"),
    )
    numbers = dict.fromkeys(("bit", "shaken", "able", "post_quantum", "asked_for"), "int64")
    rows = ibis.union(tls.cast(numbers).select(*numbers), ssh.cast(numbers).select(*numbers))
    rows = rows.join(evidence.services.select("service", "port", "bit"), "bit")
    return rows.mutate(
        share=share(rows.post_quantum, rows.shaken), able_share=share(rows.post_quantum, rows.able)
    ).order_by("port", "service")
