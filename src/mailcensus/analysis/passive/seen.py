"""Flows as narrow rows: the base of every passive table.

All flows of the dataset count, whichever command read them: a week's files may be read day by day. A server is an
address and a service; a connection to a port that is no service's is in no table but that of what was read.
"""

from __future__ import annotations

import ibis

from mailcensus.analysis.database_functions import sha256
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.setting_aside import set_aside
from mailcensus.model import Sides
from mailcensus.wire.services import SERVICES

NUMBERS = ("version", "cipher_suite", "group", "dh_bits")


def seen(evidence: Evidence) -> ibis.Table:
    """One row per flow to a service's port in which anybody said anything, held.

    Returns:
        server (number: an address and a service), ip, service, port (standard), mode (of the service), protocol,
        started_at, tls_mode, starttls_offered, starttls_accepted, upgraded, established, the columns of `flows.tls` in
        NUMBERS, alpn, ocsp_stapled, leaf (SHA-256), chain_id, validation, set_aside, cut, from_start.
    """

    def made() -> ibis.Table:
        return evidence.dataset.put("flows_seen", _numbered(evidence, _seen(evidence)))

    return evidence.once("flows_seen", made)


def mail(evidence: Evidence) -> ibis.Table:
    """The rows of `seen` that are not set aside."""
    rows = seen(evidence)
    return rows.filter(rows.set_aside.isnull())


def shaken(evidence: Evidence) -> ibis.Table:
    """The rows of `mail` whose TLS was established and whose version is known."""
    rows = mail(evidence)
    return rows.filter(rows.established.fill_null(False) & rows.version.notnull())


def with_port(rows: ibis.Table) -> ibis.Table:
    """With the standard port of the service and its `mode`."""
    services = ibis.memtable(
        [(one.name, one.port, str(one.tls_mode)) for one in SERVICES],
        schema={"service": "string", "port": "int64", "mode": "string"},
    )
    return rows.join(services, "service")


def _seen(evidence: Evidence) -> ibis.Table:
    flows = evidence.dataset.table("flows")
    flows = flows.filter(flows.service.notnull() & (flows.sides != str(Sides.NONE)))
    tls = flows.tls
    narrow = flows.select(
        "ip", "service", "protocol", "started_at", "tls_mode", "starttls_offered", "starttls_accepted", "upgraded",
        "established", "validation", "cut", "from_start",
        **{name: tls[name] for name in NUMBERS},
        alpn=tls.alpn, ocsp_stapled=tls.ocsp_stapled, leaf=tls.leaf_sha256, set_aside=set_aside(flows),
        chain_id=(tls.chain.length() > 0).fill_null(False).ifelse(sha256(tls.chain.join("")), ibis.null("string")),
    )  # fmt: skip
    return with_port(narrow)


def _numbered(evidence: Evidence, rows: ibis.Table) -> ibis.Table:
    servers = rows.select("ip", "service").distinct()
    servers = evidence.dataset.put(
        "flow_servers", servers.mutate(server=ibis.row_number().over().cast("int32"))
    )
    return rows.join(servers, ["ip", "service"])
