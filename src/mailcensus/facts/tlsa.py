"""What DANE says of a chain (RFC 6698, RFC 7671; for SMTP between servers RFC 7672)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailcensus.facts.chain_verdict import SENT_CERTIFICATES, anchored_path
from mailcensus.facts.name_match import name_match
from mailcensus.facts.read_certificate import ReadCertificate, read_certificate

PKIX_TA, PKIX_EE, DANE_TA, DANE_EE = range(4)


@dataclass(frozen=True, slots=True)
class TlsaRecord:
    """One TLSA record."""

    usage: int
    selector: int
    matching_type: int
    data: bytes


class TlsaStatus(StrEnum):
    """How a chain stands to the records of its server."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NAME_MISMATCH = "name_mismatch"
    """Only a trust anchor matches, and the leaf is not for the server's name (RFC 7671 section 5.2)."""
    INVALID = "invalid"
    """Only an anchor or a leaf matches whose chain does not verify."""
    UNUSABLE = "unusable"
    """No record has a usage, selector, matching type and data that a client can use."""
    NONE = "none"
    """There are no records."""


@dataclass(frozen=True, slots=True)
class TlsaVerdict:
    """The best that a record says."""

    status: TlsaStatus
    record: int | None = None
    """Which record said so, by its place."""


_RANK = (
    TlsaStatus.MATCH,
    TlsaStatus.NAME_MISMATCH,
    TlsaStatus.INVALID,
    TlsaStatus.NO_MATCH,
    TlsaStatus.UNUSABLE,
)


def tlsa_verdict(
    chain: Sequence[bytes],
    records: Sequence[TlsaRecord],
    *,
    at: datetime,
    names: Sequence[str] = (),
    sans: Sequence[str] = (),
    pkix_path: Sequence[str] | None = None,
    pkix_usages: bool = False,
) -> TlsaVerdict:
    """What TLSA records say of a chain as it was sent.

    Args:
        chain: DER, leaf first.
        records: of the server, from an answer that was DNSSEC-secure.
        at: when the chain was seen.
        names: reference names for trust-anchor usages: the TLSA base domain, and the next-hop domain of SMTP.
        sans: alternative names of the leaf.
        pkix_path: hashes of the path where the chain is valid by a root store (`chains.path`); None: it is not.
        pkix_usages: take usages 0 and 1; SMTP between servers must not (RFC 7672 section 3.1.3).
    """
    if not records:
        return TlsaVerdict(TlsaStatus.NONE)
    ders = {hashlib.sha256(der).hexdigest(): der for der in chain[:SENT_CERTIFICATES]}
    leaf, *others = map(read_certificate, ders.values()) if ders else [None]
    if leaf is None:
        return TlsaVerdict(TlsaStatus.NO_MATCH)
    named = any((match := name_match(name, sans, None)) is not None and match.matches for name in names)
    seen = _Seen(leaf, [one for one in others if one is not None], ders, at, named)
    said = [_of_record(record, seen, pkix_path, pkix_usages) for record in records]
    best = min(said, key=_RANK.index)
    return TlsaVerdict(best, said.index(best))


@dataclass(frozen=True, slots=True)
class _Seen:
    leaf: ReadCertificate
    others: Sequence[ReadCertificate]
    der: dict[str, bytes]
    at: datetime
    named: bool


def _of_record(
    record: TlsaRecord, seen: _Seen, pkix_path: Sequence[str] | None, pkix_usages: bool
) -> TlsaStatus:
    if not _is_usable(record) or (record.usage in (PKIX_TA, PKIX_EE) and not pkix_usages):
        return TlsaStatus.UNUSABLE
    if record.usage == DANE_EE:  # neither name nor time counts, RFC 7671 section 5.1
        return TlsaStatus.MATCH if _matches(record, seen.leaf, seen) else TlsaStatus.NO_MATCH
    if record.usage == DANE_TA:
        return _of_anchor(record, seen)
    if record.usage == PKIX_EE:
        found = _matches(record, seen.leaf, seen)
    else:
        found = any(_matches(record, one, seen) and one.sha256 in (pkix_path or ()) for one in seen.others)
    if not found:
        return TlsaStatus.NO_MATCH
    return _with_name(seen) if pkix_path is not None else TlsaStatus.INVALID


def _of_anchor(record: TlsaRecord, seen: _Seen) -> TlsaStatus:
    """The anchor is one of the certificates sent, or the whole certificate that the record holds."""
    anchors = [one for one in seen.others if _matches(record, one, seen)]
    if (record.selector, record.matching_type) == (0, 0) and not anchors:
        held = read_certificate(record.data)
        anchors = [held] if held is not None else []
    if not anchors:
        return TlsaStatus.NO_MATCH
    if any(anchored_path(anchor, seen.leaf, seen.others, seen.at) for anchor in anchors):
        return _with_name(seen)
    return TlsaStatus.INVALID


def _with_name(seen: _Seen) -> TlsaStatus:
    return TlsaStatus.MATCH if seen.named else TlsaStatus.NAME_MISMATCH


def _is_usable(record: TlsaRecord) -> bool:
    lengths = {1: 32, 2: 64}
    return (
        record.usage in range(4)
        and record.selector in (0, 1)
        and record.matching_type in (0, 1, 2)
        and len(record.data) == lengths.get(record.matching_type, len(record.data) or -1)
    )


def _matches(record: TlsaRecord, one: ReadCertificate, seen: _Seen) -> bool:
    selected = seen.der[one.sha256] if record.selector == 0 else one.links.spki_as_sent
    if record.matching_type == 0:
        return selected == record.data
    return (hashlib.sha256 if record.matching_type == 1 else hashlib.sha512)(selected).digest() == record.data
