"""Keys, signatures, lifetimes and ages of leaf certificates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, in_order, share, shares_of
from mailcensus.analysis.posture.leaves import by_group, group_place, leaves
from mailcensus.model import Column

_DAY_S = 86_400
LIMITS = (
    # not_before at or after; days at most
    ("2012-07-01", 1_827),
    ("2015-04-01", 1_188),
    ("2018-03-01", 825),
    ("2020-09-01", 398),
    ("2026-03-15", 200),
    ("2027-03-15", 100),
    ("2029-03-15", 47),
)
"""Longest validity that the CA/Browser Forum allows a TLS certificate, by the day it begins: Baseline Requirements
1.0 (60 months) and 6.3.2 (39 months, then in days), as changed by ballots 193, SC31 and SC-081v3. Months are counted
as the most days they can have. A day has 86,400 s and the last second belongs to it."""
LIFETIME_BANDS = (0, 47, 100, 200, 398, 825, 1_188, 1_827, 3_653, 7_306)
"""Lower ends, in days; beside the limits, ten and twenty years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateKeyRow:
    """One kind of key in leafs shown on one service."""

    service: Annotated[str, Column("row of the services table; all: every service, each leaf once")]
    port: Annotated[int | None, Column("its standard port")]
    algorithm: Annotated[str, Column("as keys.algorithm")]
    bits: Annotated[int | None, Column("size in bits; null: unknown")]
    curve: Annotated[str | None, Column("named curve")]
    certificates: Annotated[int, Column("different leafs with such a key")]
    known: Annotated[int, Column("different leafs on this service whose key could be read")]
    share: Annotated[float | None, Column("certificates / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSignatureRow:
    """One algorithm that signs leafs shown on one service."""

    service: Annotated[str, Column("row of the services table; all: every service, each leaf once")]
    port: Annotated[int | None, Column("its standard port")]
    signature_algorithm: Annotated[str, Column("name or OID")]
    certificates: Annotated[int, Column("different leafs signed with it")]
    self_signed: Annotated[int, Column("of certificates: signed by their own key, where it does not matter")]
    known: Annotated[int, Column("different leafs on this service that could be read")]
    share: Annotated[float | None, Column("certificates / known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeRow:
    """How long leafs of a group are good for, and how old they are."""

    leaf_group: Annotated[
        str,
        Column("all; valid: the main root store found it so in any handshake; self_signed: by its signature"),
    ]
    certificates: Annotated[int, Column("different leafs whose validity is known")]
    lifetime_p10_days: Annotated[float | None, Column("a tenth of them has this lifetime or a shorter one")]
    lifetime_median_days: Annotated[float | None, Column("median lifetime")]
    lifetime_p90_days: Annotated[float | None, Column("nine tenths have this lifetime or a shorter one")]
    age_median_days: Annotated[
        float | None, Column("median age at the first handshake; of those not yet valid it is negative")
    ]
    age_p90_days: Annotated[float | None, Column("nine tenths are so old or younger")]
    backwards: Annotated[int, Column("of certificates: they end before they begin")]
    not_yet_valid: Annotated[int, Column("of certificates: they begin after the first handshake")]
    expired: Annotated[int, Column("of certificates: they ended before the first handshake")]
    expired_share: Annotated[float | None, Column("expired / certificates")]
    limited: Annotated[int, Column("of certificates: they begin when the CA/Browser Forum had a limit")]
    over_limit: Annotated[int, Column("of limited: good for longer than the limit of the day they begin")]
    over_limit_share: Annotated[
        float | None,
        Column("over_limit / limited; the limit binds public CAs, which the group valid stands for"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeBandRow:
    """Leafs of a group that are good for so long."""

    leaf_group: Annotated[str, Column("as in certificate_lifetimes")]
    days_over: Annotated[int | None, Column("lifetime above so many days; null: they end before they begin")]
    days_to: Annotated[int | None, Column("and up to so many; null: no bound")]
    certificates: Annotated[int, Column("different leafs in this band")]
    known: Annotated[int, Column("different leafs of the group whose validity is known")]
    share: Annotated[float | None, Column("certificates / known")]


def certificate_keys(evidence: Evidence) -> ibis.Table:
    """Key types and sizes of unique leafs.

    Returns:
        One row per service and kind, most frequent first; `certificates` out of `known`.
    """
    shown = leaves(evidence)
    shown = shown.filter(shown.key_algorithm.notnull())
    kinds = shown.select("mask", "curve", algorithm=shown.key_algorithm, bits=shown.key_bits.cast("int64"))
    keys = ("algorithm", "bits", "curve")
    alike = kinds.group_by("mask", *keys).agg(certificates=kinds.count())
    rows = shares_of(and_all(evidence, alike, *keys), "certificates", "known")
    return in_order(rows, ibis.desc("certificates"), *keys)


def certificate_signatures(evidence: Evidence) -> ibis.Table:
    """Algorithms that sign unique leafs.

    Returns:
        One row per service and algorithm, most frequent first; `certificates` out of `known`.
    """
    shown = leaves(evidence)
    shown = shown.filter(shown.signature_algorithm.notnull())
    alike = shown.group_by("mask", "signature_algorithm").agg(
        certificates=shown.count(), self_signed=shown.self_signed.sum().fill_null(0)
    )
    rows = shares_of(and_all(evidence, alike, "signature_algorithm"), "certificates", "known")
    return in_order(rows, ibis.desc("certificates"), "signature_algorithm")


def certificate_lifetimes(evidence: Evidence) -> ibis.Table:
    """Lifetimes and ages of unique leafs, and how many are over the CA/Browser Forum's limit of their day.

    Returns:
        One row per group that has leafs: all, valid, self_signed.
    """
    rows = _lived(evidence)
    limited = rows.limit_s.notnull()
    counts = rows.group_by("leaf_group").agg(
        certificates=rows.count(),
        **{
            f"lifetime_{name}_days": rows.lifetime_s.quantile(part) / _DAY_S
            for name, part in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))
        },
        **{
            f"age_{name}_days": rows.age_s.quantile(part) / _DAY_S
            for name, part in (("median", 0.5), ("p90", 0.9))
        },
        backwards=(rows.lifetime_s < 0).sum().cast("int64"),
        not_yet_valid=(rows.age_s < 0).sum().cast("int64"),
        expired=(rows.age_s >= rows.lifetime_s).sum().cast("int64"),
        limited=limited.sum().cast("int64"),
        over_limit=(rows.lifetime_s > rows.limit_s).fill_null(False).sum().cast("int64"),
    )
    counts = counts.mutate(
        expired_share=share(counts.expired, counts.certificates),
        over_limit_share=share(counts.over_limit, counts.limited),
    )
    return counts.order_by(group_place(counts))


def certificate_lifetime_bands(evidence: Evidence) -> ibis.Table:
    """Unique leafs by lifetime.

    Returns:
        One row per group and band that is not empty, ascending; `certificates` out of `known`.
    """
    rows = _lived(evidence)
    above = [(rows.lifetime_s > low * _DAY_S, low) for low in reversed(LIFETIME_BANDS)]
    # A lifetime of no second at all, which only one that runs backwards has, is in no band.
    banded = rows.select("leaf_group", days_over=ibis.cases(*above, else_=ibis.null("int64")).cast("int64"))
    counts = banded.group_by("leaf_group", "days_over").agg(certificates=banded.count())
    tops = dict(pairwise(LIFETIME_BANDS))
    known = counts.certificates.sum().over(ibis.window(group_by="leaf_group")).cast("int64")
    counts = counts.mutate(
        known=known,
        days_to=counts.days_over.cases(*tops.items(), else_=ibis.null("int64")),
        place=group_place(counts),
        order=counts.days_over.fill_null(-1),
    )
    return counts.mutate(share=share(counts.certificates, counts.known)).order_by("place", "order")


def _lived(evidence: Evidence) -> ibis.Table:
    """Leafs of known validity, once per group: leaf_group, lifetime_s, age_s, limit_s (null: no limit then)."""
    shown = leaves(evidence)
    dated = shown.filter(shown.not_before.notnull() & shown.not_after.notnull())
    days = [(dated.not_before >= _day(since), limit) for since, limit in reversed(LIMITS)]
    limit_days = ibis.cases(*days, else_=ibis.null("int64")).cast("int64")
    begins, ends = dated.not_before.epoch_seconds(), dated.not_after.epoch_seconds()
    # The last second counts (RFC 5280 section 4.1.2.5).
    narrow = dated.select(
        "valid", "self_signed", lifetime_s=ends - begins + 1, age_s=dated.first_at.epoch_seconds() - begins,
        limit_s=limit_days * _DAY_S,
    )  # fmt: skip
    return by_group(narrow)


def _day(date: str) -> ibis.Value:
    return ibis.literal(f"{date} 00:00:00+00:00", "timestamp('UTC')")
