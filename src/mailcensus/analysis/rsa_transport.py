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
    shared = evidence.cluster_keys.select(shared="key")
    each = used.left_join(shared, used.key == shared.shared)
    is_shared = each.shared.notnull()
    counts = each.group_by("bit").agg(
        hosts=(each.transport & is_shared).sum(),
        hosts_sharing=is_shared.sum(),
        keys=each.shared.nunique(where=each.transport),
        keys_shared=each.shared.nunique(),
        hosts_alone=(each.transport & ~is_shared).sum(),
        hosts_own_key=(~is_shared).sum(),
    )
    rows = counts.filter(counts.hosts_sharing > 0).join(evidence.services, "bit")
    return rows.mutate(
        share=rows.hosts / rows.hosts_sharing,
        keys_share=rows["keys"] / rows.keys_shared,
        alone_share=rows.hosts_alone / rows.hosts_own_key.nullif(0),
    ).order_by("port", "service")
