"""Handshakes of one run as narrow rows of numbers: the base of every posture table.

A handshake is a service's last grab in which the server chose a TLS version. Follow-ups, which ask otherwise on
purpose, are left out. Names of certificates and chains are numbers here, and no column is a text: at five million
handshakes a table is then one pass over a few columns. What texts there are (fingerprints, ALPN, primes) is counted
straight from the files, by `texts_of`.
"""

from __future__ import annotations

import ibis

from mailcensus.analysis.database_functions import sha256
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import later_attempts, of_run, without_superseded

NUMBERS = ("version", "cipher_suite", "group", "dh_bits", "signature_scheme", "compression", "sct_count")
ANSWERS = (
    *("extended_master_secret", "secure_renegotiation", "session_ticket", "heartbeat", "hello_retry"),
    *("client_cert_requested", "ocsp_stapled", "finished"),
)


def tls_grabs(evidence: Evidence) -> ibis.Table:
    """One row per host and service that chose a TLS version, held in memory.

    Returns:
        host, bit (the service's), started_at, the columns of `grabs.tls` in NUMBERS and ANSWERS, record_bytes,
        sent (certificates in the chain), chain (number in `numbered_chains`; null: no verdict on it), certificate
        (number of the leaf; null: none shown, or the server's signature says that its key is not the server's).
    """

    def made() -> ibis.Table:
        rows = _tls_grabs(evidence)
        with evidence.dataset.joined_as_written():
            return evidence.dataset.put("tls_grabs", rows)

    return evidence.once("tls_grabs", made)


def numbered_chains(evidence: Evidence) -> ibis.Table:
    """Chains that were judged, by any store: chain_id, chain."""

    def numbered() -> ibis.Table:
        chains = evidence.dataset.table("chains").select("chain_id").distinct()
        return evidence.dataset.put(
            "numbered_chains", chains.mutate(chain=ibis.row_number().over().cast("int32"))
        )

    return evidence.once("numbered_chains", numbered)


def texts_of(evidence: Evidence, *names: str) -> ibis.Table:
    """The same handshakes as they are in the files: ip, service, and these columns of `grabs.tls`. A view."""
    grabs = evidence.dataset.table("grabs")
    answered = of_run(grabs, evidence.run_id).filter(grabs.tls.version.notnull())
    columns = {name: answered.tls[name] for name in names}
    narrow = answered.select("ip", "service", "attempt", "started_at", **columns)
    return without_superseded(narrow, later_attempts(grabs, evidence.run_id)).drop("attempt")


def _tls_grabs(evidence: Evidence) -> ibis.Table:
    rows = texts_of(evidence, *NUMBERS, *ANSWERS, "record_bytes", "chain")
    rows = rows.mutate(sent=rows.chain.length().cast("int32"), chain_id=_chain_id(evidence, rows))
    numbered = rows.drop("chain").join(evidence.hosts.select("ip", "host"), "ip").drop("ip")
    bits = evidence.services.select("service", bit=evidence.services.bit.cast("int32"))
    numbered = numbered.join(bits, "service").drop("service")
    chains = numbered_chains(evidence)
    judged = numbered.left_join(chains, "chain_id").drop("chain_id", "chain_id_right")
    answers = evidence.answers
    leaves = answers.filter(answers.certificate.notnull() & ~answers.again)
    leaves = leaves.select("host", "certificate", bit=leaves.bit.cast("int32"))
    return judged.left_join(leaves, ["host", "bit"]).drop("host_right", "bit_right")


def _chain_id(evidence: Evidence, rows: ibis.Table) -> ibis.Value:
    """As `chains.chain_id`; not worked out where nothing was judged."""
    if not evidence.dataset.table("chains").count().to_pyarrow().as_py():
        return ibis.null("string")
    return sha256(rows.chain.join(""))
