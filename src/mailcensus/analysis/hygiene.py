"""The hygiene of a host's TLS: six flaws, each seen, not seen or unknown, and how many there are.

After Farrell's index, with what was wrong with it set right: HTTPS counts like every other service; TLS 1.3 always has
forward secrecy; a self-signed leaf is not an untrusted chain as well; old versions and RC4 count when they are taken
by any handshake of ours, follow-ups and enumerations included, not only when the ordinary hello gets them. What is
unknown is neither a flaw nor its absence. See docs/explanation/hygiene.md.
"""

from __future__ import annotations

from enum import StrEnum

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.ciphers import CipherClass, class_of
from mailcensus.analysis.posture.tls_grabs import tls_grabs
from mailcensus.analysis.posture.verdicts import STATUSES, main_store, verdicts
from mailcensus.dataset.tables import of_run
from mailcensus.model import ChainStatus
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import TLS_1_2, TLS_1_3


class Flaw(StrEnum):
    """What the index counts."""

    RC4 = "rc4"
    """A handshake used RC4 (RFC 7465), or an enumeration lists it."""
    LEGACY_TLS = "legacy_tls"
    """A version before TLS 1.2 was chosen or is taken (RFC 6176, 7568, 8996)."""
    NO_FORWARD_SECRECY = "no_forward_secrecy"
    """A handshake up to TLS 1.2 had no ephemeral key exchange."""
    EXPIRED = "expired"
    """A leaf was past its end when it was shown."""
    SELF_SIGNED = "self_signed"
    """A leaf verifies with its own key."""
    UNTRUSTED = "untrusted"
    """A leaf that is not self-signed has no path to a root of the main store, or a wrong signature in it."""


FLAWS = tuple(str(flaw) for flaw in Flaw)
RC4_SUITES = tuple(code for code, name in CIPHER_SUITES.items() if "_RC4_" in name)
_PATHLESS = (ChainStatus.BROKEN_CHAIN, ChainStatus.UNTRUSTED_ROOT, ChainStatus.BAD_SIGNATURE)
_EPHEMERAL = tuple(
    code
    for code, name in CIPHER_SUITES.items()
    if class_of(code) in (CipherClass.ECDHE, CipherClass.DHE)
    or name.removeprefix("TLS_").startswith(("ECDHE_", "DHE_", "DH_anon", "ECDH_anon"))
)


def hygiene_hosts(evidence: Evidence) -> ibis.Table:
    """One row per host that chose a TLS version in any handshake, follow-ups and enumerations included, held.

    Returns:
        host, a column for each of FLAWS (null: unknown), oldest (lowest version taken, as on the wire), flaws (how
        many were seen), unknown (how many are unknown), services (with a last grab that chose one),
        hygiene (the index, 0 to 6; null while any is unknown).
    """

    def made() -> ibis.Table:
        hosts = _by_host(_handshakes(evidence))
        again = _again(evidence)
        # Some take nothing but the hello of a follow-up: those above all belong here.
        rows = hosts.outer_join(again, "host")
        rows = rows.mutate(
            host=ibis.coalesce(rows.host, rows.host_right),
            oldest=ibis.least(rows.oldest, rows.oldest_again),
            services=rows.services.fill_null(0),
            rc4=rows.rc4_again.fill_null(False).ifelse(True, rows.rc4),
        )
        rows = rows.mutate(legacy_tls=rows.oldest < TLS_1_2).drop("host_right")
        seen = sum((rows[flaw].fill_null(False).cast("int8") for flaw in FLAWS), ibis.literal(0, "int8"))
        unknown = sum((rows[flaw].isnull().cast("int8") for flaw in FLAWS), ibis.literal(0, "int8"))
        rows = rows.mutate(flaws=seen.cast("int8"), unknown=unknown.cast("int8"))
        rows = rows.mutate(hygiene=(rows.unknown == 0).ifelse(rows.flaws, ibis.null("int8")))
        return evidence.dataset.put("hygiene_hosts", rows.drop("rc4_again", "oldest_again"))

    return evidence.once("hygiene_hosts", made)


def _handshakes(evidence: Evidence) -> ibis.Table:
    """One row per handshake: host, version, and the flaws that it alone shows or not; null: unknown."""
    grabs = tls_grabs(evidence)
    leaves = _leaves(evidence)
    rows = grabs.left_join(leaves, "certificate").drop("certificate_right")
    rows = rows.left_join(_pathless(evidence), ["host", "bit"]).drop("host_right", "bit_right")
    suite = rows.cipher_suite
    return rows.select(
        "host", "version", "self_signed",
        rc4=suite.isin(RC4_SUITES),
        no_forward_secrecy=(rows.version >= TLS_1_3).ifelse(False, suite.notin(_EPHEMERAL)),
        expired=rows.not_after < rows.started_at,
        untrusted=rows.self_signed.ifelse(False, rows.pathless),
    )  # fmt: skip


def _leaves(evidence: Evidence) -> ibis.Table:
    stored = evidence.dataset.table("certificates")
    shown = evidence.certificates.select("certificate", "certificate_sha256").distinct()
    facts = stored.select("sha256", "not_after", "self_signed")
    rows = shown.join(facts, shown.certificate_sha256 == facts.sha256)
    return evidence.dataset.put("hygiene_leaves", rows.select("certificate", "not_after", "self_signed"))


def _pathless(evidence: Evidence) -> ibis.Table:
    """Handshakes with a verdict of the main store: host, bit, pathless."""
    rows = verdicts(evidence).filter(ibis._.root_store == ibis.literal(main_store(evidence), "string"))
    mask = sum(1 << STATUSES.index(status) for status in _PATHLESS)
    other = 1 << STATUSES.index(ChainStatus.OTHER)
    # Whatever else OpenSSL objects to (a leaf that may not be a server's, a CA that is none) leaves no trust either.
    return rows.select("host", "bit", pathless=(rows.wrong & (mask | other)) != 0)


def _by_host(each: ibis.Table) -> ibis.Table:
    """True when any service shows it; else unknown when it is unknown of any."""

    def over_services(flaw: ibis.Value) -> ibis.Value:
        seen = flaw.fill_null(False).any()
        return seen.ifelse(True, flaw.isnull().any().ifelse(ibis.null("boolean"), False))

    flaws = {flaw: over_services(each[flaw]) for flaw in FLAWS if flaw != Flaw.LEGACY_TLS}
    return each.group_by("host").agg(**flaws, oldest=each.version.min().cast("int32"), services=each.count())


def _again(evidence: Evidence) -> ibis.Table:
    """What follow-ups and enumerations got besides: host, rc4_again, oldest_again."""
    followups = of_run(evidence.dataset.table("followups"), evidence.run_id)
    took = followups.filter(followups.tls.version.notnull() | followups.tls.sslv2_ciphers.notnull())
    asked = took.select(
        "ip",
        version=took.tls.version.fill_null(0x0002).cast("int32"),
        rc4=took.tls.cipher_suite.isin(RC4_SUITES).fill_null(False),
    )
    listed = of_run(evidence.dataset.table("enumerations"), evidence.run_id)
    listed = listed.filter(listed.cipher_suites.length() > 0)
    taken = listed.select("ip", version=listed.version.cast("int32"), suite=listed.cipher_suites.unnest())
    taken = taken.select("ip", "version", rc4=taken.suite.isin(RC4_SUITES))
    rows = ibis.union(asked, taken).join(evidence.hosts.select("ip", "host"), "ip")
    return rows.group_by("host").agg(rc4_again=rows.rc4.any(), oldest_again=rows.version.min())
