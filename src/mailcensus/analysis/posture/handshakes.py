"""What else servers say as they shake hands: features, ALPN, stapled answers, record sizes, fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, in_order, share, shares_of
from mailcensus.analysis.posture.tls_grabs import texts_of, tls_grabs
from mailcensus.model import Column
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.tls.codes import TLS_1_2, TLS_1_3

FINGERPRINTS_MAX = 20
"""Fingerprints of each kind that are shown for a service."""
RECORD_BANDS = (1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14)
"""Upper ends of bands of record lengths; 2^14 is the most that plain text may have (RFC 8446 section 5.1)."""
_UP_TO_1_2 = (
    *("extended_master_secret", "secure_renegotiation", "session_ticket", "heartbeat", "compression"),
)
"""Features that TLS 1.3 has for good, has otherwise, or has no more: counted up to TLS 1.2 only."""
_ANY_VERSION = ("client_cert_requested",)
_FROM_1_3 = ("hello_retry",)
FEATURES = (*_UP_TO_1_2, *_ANY_VERSION, *_FROM_1_3)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """One feature of handshakes on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    feature: Annotated[str, Column("column of grabs.tls; compression: another method than none was chosen")]
    handshakes: Annotated[int, Column("last grabs with it")]
    known: Annotated[
        int, Column("last grabs of which it is known, of the versions that can have it (see the caption)")
    ]
    share: Annotated[float | None, Column("handshakes / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpnRow:
    """One protocol chosen by ALPN on one service."""

    service: Annotated[str, Column("row of the services table")]
    port: Annotated[int, Column("its standard port")]
    alpn: Annotated[str | None, Column("protocol chosen; null: none was")]
    offered: Annotated[bool, Column("our hello offers it on this service; false: the server made it up")]
    handshakes: Annotated[int, Column("last grabs in which the server chose it")]
    tls: Annotated[int, Column("last grabs on this service in which the server chose a TLS version")]
    share: Annotated[float | None, Column("handshakes / tls")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaplingRow:
    """OCSP stapling and SCTs of the handshake, on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    known: Annotated[int, Column("last grabs that came far enough to tell whether a response was stapled")]
    stapled: Annotated[int, Column("of known: stapled one")]
    stapled_share: Annotated[float | None, Column("stapled / known")]
    good: Annotated[int, Column("of stapled: it says good")]
    revoked: Annotated[int, Column("of stapled: it says revoked")]
    unknown: Annotated[int, Column("of stapled: the responder does not know the certificate")]
    unreadable: Annotated[int, Column("of stapled: an error of the responder, or not readable")]
    sct_known: Annotated[int, Column("last grabs that came far enough to tell whether SCTs were delivered")]
    sct: Annotated[int, Column("of sct_known: delivered any in the handshake (embedded ones not counted)")]
    sct_share: Annotated[float | None, Column("sct / sct_known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSizeRow:
    """One band of record lengths on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    bytes_from: Annotated[int, Column("the longest record of the handshake has at least so many bytes")]
    bytes_to: Annotated[int | None, Column("and at most so many; null: no bound")]
    handshakes: Annotated[int, Column("last grabs in this band")]
    known: Annotated[int, Column("last grabs on this service of which the longest record is known")]
    share: Annotated[float | None, Column("handshakes / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintRow:
    """One fingerprint of servers' answers on one service."""

    kind: Annotated[str, Column("ja3s or ja4s")]
    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    rank: Annotated[int, Column("1 is the most frequent on this service")]
    fingerprint: Annotated[str, Column("JA3S (MD5, hex) or JA4S")]
    handshakes: Annotated[int, Column("last grabs with it")]
    known: Annotated[int, Column("last grabs on this service that have a fingerprint of this kind")]
    share: Annotated[float | None, Column("handshakes / known")]


def handshake_features(evidence: Evidence) -> ibis.Table:
    """Session tickets, compression, heartbeat, secure renegotiation, extended master secret and others.

    Returns:
        One row per service and feature; `handshakes` out of `known`.
    """
    grabs = tls_grabs(evidence)
    said = {name: grabs[name] for name in FEATURES if name != "compression"}
    said["compression"] = grabs.compression != 0
    can = {
        **dict.fromkeys(_UP_TO_1_2, grabs.version <= TLS_1_2),
        **dict.fromkeys(_FROM_1_3, grabs.version == TLS_1_3),
    }
    counts = grabs.group_by("bit").agg(
        [
            number
            for name in FEATURES
            for number in _counts(name, said[name], can.get(name, ibis.literal(True)))
        ]
    )
    rows = and_all(evidence, counts)
    each = [ibis.struct({"feature": name, "place": place, "handshakes": rows[name], "known": rows[f"{name} known"]})
            for place, name in enumerate(FEATURES)]  # fmt: skip
    rows = rows.select("service", "port", "together", one=ibis.array(each).unnest()).unpack("one")
    rows = rows.mutate(share=share(rows.handshakes, rows.known))
    return in_order(rows, "place")


def alpn(evidence: Evidence) -> ibis.Table:
    """What servers chose by ALPN; on mail ports a hint at proxies and at services that are none of mail.

    Returns:
        One row per service and protocol chosen, most chosen first; `handshakes` out of `tls`.
    """
    counts = _texts(evidence).group_by("service", "alpn").agg(handshakes=ibis._.handshakes.sum())
    whole = counts.group_by("service").agg(tls=counts.handshakes.sum())
    ours = [f"{name} {service.alpn}" for name, service in SERVICE_BY_NAME.items() if service.alpn]
    rows = counts.join(whole, "service").join(evidence.services.select("service", "port"), "service")
    chosen = (rows.service + " " + rows.alpn).isin(ours).fill_null(False)
    rows = rows.mutate(offered=chosen, share=share(rows.handshakes, rows.tls))
    return rows.order_by("port", "service", ibis.desc("handshakes"), "alpn")


def stapling(evidence: Evidence) -> ibis.Table:
    """OCSP responses stapled and SCTs delivered, by service.

    Returns:
        One row per service with TLS; `stapled` out of `known`, `sct` out of `sct_known`.
    """
    grabs = tls_grabs(evidence)
    counts = grabs.group_by("bit").agg(
        known=grabs.ocsp_stapled.count(),
        stapled=grabs.ocsp_stapled.sum().fill_null(0),
        sct_known=grabs.sct_count.count(),
        sct=(grabs.sct_count > 0).sum().fill_null(0),
    )
    said = _texts(evidence).join(evidence.services.select("service", "bit"), "service")
    statuses = said.group_by(bit=said.bit.cast("int32")).agg(
        **{
            status: said.handshakes.sum(where=said.ocsp_status == status).fill_null(0)
            for status in ("good", "revoked", "unknown")
        }
    )
    rows = and_all(evidence, counts.left_join(statuses, "bit").drop("bit_right"))
    unreadable = rows.stapled - rows.good - rows.revoked - rows.unknown
    rows = rows.mutate(
        unreadable=unreadable,
        stapled_share=share(rows.stapled, rows.known),
        sct_share=share(rows.sct, rows.sct_known),
    )
    return in_order(rows)


def record_sizes(evidence: Evidence) -> ibis.Table:
    """How long servers make their records while they shake hands.

    Returns:
        One row per service and band that is not empty, ascending; `handshakes` out of `known`.
    """
    grabs = tls_grabs(evidence)
    known = grabs.filter(grabs.record_bytes.notnull())
    bands = [
        (known.record_bytes <= top, low) for low, top in zip((0, *RECORD_BANDS), RECORD_BANDS, strict=False)
    ]
    lows = known.select("bit", bytes_from=ibis.cases(*bands, else_=RECORD_BANDS[-1]).cast("int64"))
    counts = lows.group_by("bit", "bytes_from").agg(handshakes=lows.count())
    rows = shares_of(and_all(evidence, counts, "bytes_from"), "handshakes", "known")
    tops = dict(zip((0, *RECORD_BANDS), RECORD_BANDS, strict=False))
    top = rows.bytes_from.cases(*tops.items(), else_=ibis.null("int64"))
    rows = rows.mutate(bytes_to=top, bytes_from=(rows.bytes_from > 0).ifelse(rows.bytes_from + 1, 0))
    return in_order(rows, "bytes_from")


def fingerprints(evidence: Evidence) -> ibis.Table:
    """The most frequent JA3S and JA4S.

    Returns:
        The FINGERPRINTS_MAX most frequent of each kind and service; `handshakes` out of `known`.
    """
    texts = _texts(evidence).join(evidence.services.select("service", "bit"), "service")
    both = [
        texts.select("bit", "handshakes", kind=ibis.literal(kind), fingerprint=texts[kind])
        for kind in ("ja3s", "ja4s")
    ]
    shown = ibis.union(*both).filter(ibis._.fingerprint.notnull())
    counts = shown.group_by("bit", "kind", "fingerprint").agg(handshakes=shown.handshakes.sum())
    counts = and_all(evidence, counts, "kind", "fingerprint")
    rows = shares_of(counts, "handshakes", "known", "kind")
    window = ibis.window(group_by=["service", "kind"], order_by=[ibis.desc("handshakes"), "fingerprint"])
    rows = rows.mutate(rank=ibis.row_number().over(window) + 1)
    first = rows.filter(rows["rank"] <= FINGERPRINTS_MAX)
    return first.order_by("kind", "together", "port", "service", "rank")


def _counts(name: str, said: ibis.Value, can: ibis.Value) -> tuple[ibis.Value, ibis.Value]:
    """How many handshakes say so, and of how many it is known, among those of versions that can have it."""
    known = (said.notnull() & can).sum().fill_null(0)
    return (said & can).sum().fill_null(0).name(name), known.name(f"{name} known")


def _texts(evidence: Evidence) -> ibis.Table:
    """Handshakes alike, held: service, alpn, ocsp_status, ja3s, ja4s, handshakes."""

    def read() -> ibis.Table:
        texts = texts_of(evidence, "alpn", "ocsp_status", "ja3s", "ja4s").drop("ip", "started_at")
        counts = texts.group_by(list(texts.columns)).agg(handshakes=texts.count())
        return evidence.dataset.put("handshake_texts", counts)

    return evidence.once("handshake_texts", read)
