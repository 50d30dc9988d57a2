"""Versions and cipher suites that servers chose: table IV and the active twin of figure 3 of "TLS in the Wild"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, coded, in_order, names_of, shares_of
from mailcensus.analysis.posture.tls_grabs import tls_grabs
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import VERSIONS

_FINITE_FIELD = (0x0100, 0x01FF)
"""Codes of groups that are finite fields: RFC 7919 section 2."""


class CipherClass(StrEnum):
    """Classes of suites; a suite belongs to the first that fits."""

    NULL_EXPORT = "null_export"
    """No encryption, encryption weakened for export, or nobody authenticated (anonymous)."""
    RC4 = "rc4"
    TRIPLE_DES = "3des"
    ECDHE = "ecdhe"
    """Ephemeral elliptic curves, hybrids with post-quantum ones included; TLS 1.3 unless its group is a field."""
    DHE = "dhe"
    AES_WITHOUT_PFS = "aes_without_pfs"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsVersionRow:
    """One TLS version on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    code: Annotated[int, Column("version as on the wire")]
    version: Annotated[str, Column("its name; of unknown ones the code in hex")]
    handshakes: Annotated[int, Column("last grabs in which the server chose it")]
    known: Annotated[int, Column("last grabs on this service in which it chose any")]
    share: Annotated[float | None, Column("handshakes / known")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherClassRow:
    """One class of cipher suites on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    cipher_class: Annotated[
        CipherClass, Column("null_export, rc4, 3des, ecdhe, dhe, aes_without_pfs, other: the first that fits")
    ]
    handshakes: Annotated[int, Column("last grabs in which the server chose such a suite")]
    known: Annotated[int, Column("last grabs on this service in which it chose any suite")]
    share: Annotated[float | None, Column("handshakes / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherSuiteRow:
    """One cipher suite on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    code: Annotated[int, Column("IANA code")]
    suite: Annotated[str, Column("IANA name; of unknown ones the code in hex")]
    handshakes: Annotated[int, Column("last grabs in which the server chose it")]
    known: Annotated[int, Column("last grabs on this service in which it chose any suite")]
    share: Annotated[float | None, Column("handshakes / known")]


def class_of(suite: int) -> CipherClass:
    """The class of a suite by its IANA name; TLS 1.3 is ecdhe here."""
    name = CIPHER_SUITES.get(suite, "")
    exchange, with_, cipher = name.removeprefix("TLS_").partition("_WITH_")
    if with_ and ("NULL" in name or "EXPORT" in exchange or "_anon" in exchange):
        return CipherClass.NULL_EXPORT
    if "RC4" in cipher:
        return CipherClass.RC4
    if "3DES" in cipher:
        return CipherClass.TRIPLE_DES
    if exchange.startswith("ECDHE") or suite >> 8 == 0x13:
        return CipherClass.ECDHE
    if exchange.startswith("DHE"):
        return CipherClass.DHE
    return CipherClass.AES_WITHOUT_PFS if cipher.startswith("AES") else CipherClass.OTHER


def tls_versions(evidence: Evidence) -> ibis.Table:
    """Table IV, active: versions negotiated with the study's hello, not every version that servers would take.

    Returns:
        One row per service and version; `handshakes` out of `known`.
    """
    grabs = tls_grabs(evidence)
    counts = grabs.group_by("bit", "version").agg(handshakes=grabs.count())
    rows = shares_of(and_all(evidence, counts, "version"), "handshakes", "known")
    rows = beside(coded(rows, names_of(VERSIONS), "version", "version"), "tls_versions")
    return in_order(rows, "code")


def cipher_classes(evidence: Evidence) -> ibis.Table:
    """Figure 3 for active scans: classes of the suites chosen, by service.

    Returns:
        One row per service and class that any server chose there, in the order of `CipherClass`.
    """
    grabs = _with_suite(evidence)
    classes = names_of({code: str(class_of(code)) for code in CIPHER_SUITES})
    field = grabs.group.between(*_FINITE_FIELD).fill_null(False) & (
        grabs.cipher_suite.between(0x1300, 0x13FF)
    )
    alike = grabs.mutate(field=field).group_by("bit", "cipher_suite", "field").agg(handshakes=ibis._.count())
    alike = alike.left_join(classes, alike.cipher_suite == classes.known_code)
    named = alike.known_name.fill_null(str(CipherClass.OTHER))
    alike = alike.mutate(cipher_class=alike.field.ifelse(str(CipherClass.DHE), named))
    counts = alike.group_by("bit", "cipher_class").agg(handshakes=alike.handshakes.sum())
    rows = shares_of(and_all(evidence, counts, "cipher_class"), "handshakes", "known")
    return in_order(rows, ibis.literal([str(kind) for kind in CipherClass]).index(rows.cipher_class))


def cipher_suites(evidence: Evidence) -> ibis.Table:
    """Suites chosen, by service.

    Returns:
        One row per service and suite, most chosen first; `handshakes` out of `known`.
    """
    grabs = _with_suite(evidence)
    counts = grabs.group_by("bit", "cipher_suite").agg(handshakes=grabs.count())
    rows = shares_of(and_all(evidence, counts, "cipher_suite"), "handshakes", "known")
    rows = coded(rows, names_of(CIPHER_SUITES), "cipher_suite", "suite")
    return in_order(rows, ibis.desc("handshakes"), "code")


def _with_suite(evidence: Evidence) -> ibis.Table:
    grabs = tls_grabs(evidence)
    return grabs.filter(grabs.cipher_suite.notnull())
