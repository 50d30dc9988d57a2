"""Leaf certificates of one run: who showed each of them where, and what it says of itself."""

from __future__ import annotations

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.tls_grabs import tls_grabs
from mailcensus.analysis.posture.verdicts import leaf_verdicts

_COLUMNS = (
    *("not_before", "not_after", "signature_algorithm", "key_algorithm", "key_bits", "curve"),
    *("self_issued", "issuer"),
)
ALL, VALID, SELF_SIGNED = "all", "valid", "self_signed"
GROUPS = (ALL, VALID, SELF_SIGNED)
"""Groups of leafs that several tables tell apart, in their order."""


def leaf_hosts(evidence: Evidence) -> ibis.Table:
    """One row per host and leaf it showed, held: host, certificate, mask (services), first_at."""

    def made() -> ibis.Table:
        grabs = tls_grabs(evidence)
        shown = grabs.filter(grabs.certificate.notnull())
        rows = shown.group_by("host", "certificate").agg(
            mask=shown.bit.bit_or().cast("int64"), first_at=shown.started_at.min()
        )
        return evidence.dataset.put("leaf_hosts", rows)

    return evidence.once("leaf_hosts", made)


def leaves(evidence: Evidence) -> ibis.Table:
    """One row per leaf shown, held.

    Returns:
        certificate, key (number), hosts, mask (services, over all hosts), first_at (first handshake), not_before,
        not_after, signature_algorithm, key_algorithm, key_bits, curve, self_issued, issuer (null: self-issued),
        valid (by the main store, in any handshake; null: no verdict), root_issued, self_signed (by its signature, or
        the verdict; null: could not be checked).
    """

    def made() -> ibis.Table:
        return evidence.dataset.put("leaves_shown", _leaves(evidence))

    return evidence.once("leaves_shown", made)


def by_group(leaves: ibis.Table) -> ibis.Table:
    """Leaves once for each of GROUPS they are in: with `leaf_group`."""
    kinds = {
        ALL: ibis.literal(True),
        VALID: leaves.valid.fill_null(False),
        SELF_SIGNED: leaves.self_signed.fill_null(False),
    }
    of_each = [leaves.filter(kinds[name]).mutate(leaf_group=ibis.literal(name)) for name in GROUPS]
    return ibis.union(*of_each)


def group_place(rows: ibis.Table) -> ibis.Value:
    """Where a row's `leaf_group` stands in GROUPS, to sort by."""
    return ibis.literal(list(GROUPS)).index(rows.leaf_group)


def _leaves(evidence: Evidence) -> ibis.Table:
    hosts = leaf_hosts(evidence)
    shown = hosts.group_by("certificate").agg(
        hosts=hosts.count(), mask=hosts.mask.bit_or(), first_at=hosts.first_at.min()
    )
    certificates = evidence.dataset.table("certificates")
    said = certificates.select("sha256", *_COLUMNS, by_itself="self_signed")
    said = said.mutate(issuer=said.self_issued.fill_null(False).ifelse(ibis.null("string"), said.issuer))
    names = evidence.certificates.select("certificate", "key", sha256="certificate_sha256")
    rows = shown.join(names, "certificate").left_join(said, "sha256").drop("sha256_right", "sha256")
    judged = leaf_verdicts(evidence).rename(judged="certificate")
    rows = rows.left_join(judged, rows.certificate == judged.judged).drop("judged")
    # Where there is no verdict, its own signature tells.
    return rows.mutate(self_signed=ibis.coalesce(rows.by_itself, rows.self_signed)).drop("by_itself")
