"""Cipher suites that servers take when asked one by one, whatever they choose: study D, out of `enumerations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.database_functions import list_has_any
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import coded, names_of, share
from mailcensus.analysis.posture.ciphers import CipherClass, class_of
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import VERSIONS

_Service = Annotated[str, Column("row of the services table")]
_Port = Annotated[int, Column("its standard port")]
_WEAK = {
    "rc4": "_RC4_",
    "triple_des": "_3DES_",
    "export": "_EXPORT",
    "null": "_WITH_NULL_",
    "anonymous": "_anon_",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteOfferedRow:
    """One suite in one version on one service."""

    service: _Service
    port: _Port
    version: Annotated[str, Column("TLS version")]
    code: Annotated[int, Column("IANA code")]
    suite: Annotated[str, Column("IANA name; of unknown ones the code in hex")]
    cipher_class: Annotated[CipherClass, Column("as in cipher_classes")]
    hosts: Annotated[int, Column("hosts that take it in this version")]
    first: Annotated[int, Column("of hosts: chose it out of everything offered")]
    taking: Annotated[int, Column("hosts whose service takes any suite in this version")]
    share: Annotated[float | None, Column("hosts / taking")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionOfferedRow:
    """One version on one service."""

    service: _Service
    port: _Port
    version: Annotated[str, Column("TLS version")]
    known: Annotated[int, Column("hosts that took a suite in this version, or refused every one")]
    taking: Annotated[int, Column("of known: take one")]
    taking_share: Annotated[float | None, Column("taking / known")]
    unknown: Annotated[int, Column("hosts of whom it did not come out; in no share")]
    complete: Annotated[int, Column("of taking: the whole list is known")]
    ordering: Annotated[int, Column("of taking: it is known whose order counts")]
    server_order: Annotated[int, Column("of ordering: the server's")]
    server_order_share: Annotated[float | None, Column("server_order / ordering")]
    rc4: Annotated[int, Column("of taking: take a suite with RC4")]
    triple_des: Annotated[int, Column("of taking: with 3DES")]
    export: Annotated[int, Column("of taking: one weakened for export")]
    null: Annotated[int, Column("of taking: without encryption")]
    anonymous: Annotated[int, Column("of taking: that authenticates nobody")]


def suites_offered(evidence: Evidence) -> ibis.Table:
    """Suites that servers take, by service and version.

    Returns:
        One row per service, version and suite, most taken first; `hosts` out of `taking`.
    """
    rows = _taking(evidence)
    each = rows.select(
        "service", "version", "ip", first=rows.cipher_suites[0], cipher_suite=rows.cipher_suites.unnest()
    )
    counts = each.group_by("service", "version", "cipher_suite").agg(
        hosts=each.ip.nunique(), first=(each.first == each.cipher_suite).sum().cast("int64")
    )
    whole = rows.group_by("service", "version").agg(taking=rows.ip.nunique())
    rows = counts.join(whole, ["service", "version"])
    rows = coded(rows, names_of(CIPHER_SUITES), "cipher_suite", "suite")
    classes = names_of({code: str(class_of(code)) for code in CIPHER_SUITES})
    rows = rows.left_join(classes, rows.code == classes.known_code)
    rows = rows.mutate(
        cipher_class=rows.known_name.fill_null(str(CipherClass.OTHER)), share=share(rows.hosts, rows.taking)
    )
    return _named(evidence, rows.drop("known_code", "known_name"), ibis.desc("hosts"), "code")


def versions_offered(evidence: Evidence) -> ibis.Table:
    """Versions that servers take, whose order of suites counts, and what is weak among these.

    Returns:
        One row per service and version that was asked about.
    """
    rows = _listed(evidence)
    took = rows.cipher_suites.length() > 0
    weak = {name: _has(rows.cipher_suites, part) for name, part in _WEAK.items()}
    rows = rows.mutate(took=took, ordered=rows.preference.notnull() & took, **weak)
    counts = rows.group_by("service", "version").agg(
        known=_count(rows.took | rows.complete),
        taking=_count(rows.took),
        unknown=_count(~rows.took & ~rows.complete),
        complete=_count(rows.took & rows.complete),
        ordering=_count(rows.ordered),
        server_order=_count(rows.ordered & (rows.preference == "server")),
        **{name: _count(rows[name]) for name in _WEAK},
    )
    rows = counts.mutate(
        taking_share=share(counts.taking, counts.known),
        server_order_share=share(counts.server_order, counts.ordering),
    )
    return _named(evidence, rows)


def _listed(evidence: Evidence) -> ibis.Table:
    return of_run(evidence.dataset.table("enumerations"), evidence.run_id)


def _taking(evidence: Evidence) -> ibis.Table:
    rows = _listed(evidence)
    return rows.filter(rows.cipher_suites.length() > 0)


def _has(suites: ibis.Value, part: str) -> ibis.Value:
    codes = [code for code, name in CIPHER_SUITES.items() if part in f"{name}_"]
    return list_has_any(suites, ibis.literal(codes, "array<uint16>"))


def _count(where: ibis.Value) -> ibis.Value:
    return where.fill_null(False).sum().fill_null(0).cast("int64")


def _named(evidence: Evidence, rows: ibis.Table, *then: str | ibis.Value) -> ibis.Table:
    rows = coded(rows, names_of(VERSIONS), "version", "version", code="version_code")
    services = evidence.services.select("service", "port")
    return rows.join(services, "service").order_by("port", "service", "version_code", *then)
