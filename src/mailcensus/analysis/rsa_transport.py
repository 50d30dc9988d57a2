"""Shared keys in use with RSA key transport, where whoever holds the key can read what was recorded before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.suites import suite_of

RSA_TRANSPORT = tuple(
    code for code in CIPHER_SUITES if (suite := suite_of(code)) and suite.key_exchange == "RSA"
)
"""Suites in which the client encrypts the premaster secret with the server's key (RFC 5246 section 7.4.7.1). Export
suites are not among them: with a key of more than 512 bits they use another one, made for the purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaTransportRow:
    """RSA key transport with shared keys, on one service."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    hosts: Annotated[int, Column("hosts that used a shared key for RSA key transport")]
    hosts_sharing: Annotated[int, Column("hosts that show a shared key on this service and chose a suite")]
    share: Annotated[float, Column("hosts / hosts_sharing")]
    keys: Annotated[int, Column("shared keys so used")]
    keys_shared: Annotated[int, Column("shared keys that hosts show on this service and chose a suite with")]
    keys_share: Annotated[float, Column("keys / keys_shared")]
    hosts_alone: Annotated[
        int, Column("for comparison: hosts that used a key of their own for RSA key transport")
    ]
    hosts_own_key: Annotated[int, Column("hosts that show a key of their own and chose a suite")]
    alone_share: Annotated[float | None, Column("hosts_alone / hosts_own_key")]


def rsa_transport(evidence: Evidence) -> ibis.Table:
    """Shared keys with RSA key transport, as negotiated with our default hello.

    Returns:
        One row per TLS service that shows any shared key. `hosts` out of `hosts_sharing`.
    """
    answers = evidence.answers
    chosen = answers.filter(answers.cipher_suite.notnull() & answers.key.notnull() & ~answers.again)
    used = chosen.select("bit", "key", transport=chosen.cipher_suite.isin(RSA_TRANSPORT))
    whole = used.group_by("bit").agg(hosts_any=used.transport.sum(), hosts_showing=used.count())
    shared = used.semi_join(evidence.cluster_keys, "key")
    keys = shared.group_by("bit", "key").agg(hosts=shared.transport.sum(), hosts_sharing=shared.count())
    counts = keys.group_by("bit").agg(
        hosts=keys.hosts.sum().cast("int64"),
        hosts_sharing=keys.hosts_sharing.sum().cast("int64"),
        keys=(keys.hosts > 0).sum(),
        keys_shared=keys.count(),
    )
    rows = counts.join(whole, "bit").join(evidence.services, "bit")
    rows = rows.mutate(
        hosts_alone=rows.hosts_any - rows.hosts, hosts_own_key=rows.hosts_showing - rows.hosts_sharing
    )
    return rows.mutate(
        share=rows.hosts / rows.hosts_sharing,
        keys_share=rows["keys"] / rows.keys_shared,
        alone_share=rows.hosts_alone / rows.hosts_own_key.nullif(0),
    ).order_by("port", "service")
