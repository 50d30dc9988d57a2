"""Groups, Diffie-Hellman primes and signatures of handshakes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import and_all, coded, in_order, names_of, share, shares_of
from mailcensus.analysis.posture.tls_grabs import texts_of, tls_grabs
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column
from mailcensus.wire.tls.codes import GROUPS, SIGNATURE_SCHEMES

PRIMES_MAX = 1_000
_FIELD_BITS = {0x0100: 2048, 0x0101: 3072, 0x0102: 4096, 0x0103: 6144, 0x0104: 8192}
"""Groups that are finite fields, RFC 7919 section 2, and the sizes of their primes."""


class GroupKind(StrEnum):
    """What a key-exchange group is."""

    CURVE = "curve"
    HYBRID = "hybrid"
    """With a post-quantum mechanism, alone or beside a curve."""
    FIELD = "finite_field"


class PrimeKind(StrEnum):
    """Whose a Diffie-Hellman prime is."""

    WELL_KNOWN = "well_known"
    """Of RFC 2409, 3526, 5114 or 7919."""
    SHARED = "shared"
    """Of none of these, and two or more hosts use it: a product's own prime, as a rule."""
    ALONE = "one_host"
    """One host alone uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One key-exchange group on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    kind: Annotated[GroupKind, Column("curve, hybrid (with a post-quantum mechanism), finite_field")]
    code: Annotated[int, Column("IANA code")]
    group: Annotated[str, Column("IANA name; of unknown ones the code in hex")]
    handshakes: Annotated[int, Column("last grabs in which the server used it")]
    of_kind: Annotated[int, Column("last grabs on this service in which it used a group of this kind")]
    of_kind_share: Annotated[
        float | None, Column("handshakes / of_kind; of curves: what the paper gives for curves")
    ]
    known: Annotated[int, Column("last grabs on this service in which the group is known")]
    share: Annotated[float | None, Column("handshakes / known")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DhSizeRow:
    """One size of Diffie-Hellman primes on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    bits: Annotated[int, Column("size of the prime")]
    handshakes: Annotated[int, Column("last grabs in which the server used such a prime")]
    known: Annotated[int, Column("last grabs on this service with Diffie-Hellman over a field of known size")]
    share: Annotated[float | None, Column("handshakes / known")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DhPrimeRow:
    """One Diffie-Hellman prime of TLS up to 1.2."""

    rank: Annotated[int, Column("1 is the one that most hosts use")]
    prime_sha256: Annotated[str, Column("SHA-256 over the prime, big-endian, hex")]
    name: Annotated[str | None, Column("its name, where everybody knows it; null: it is another one")]
    bits: Annotated[int | None, Column("its size")]
    hosts: Annotated[int, Column("hosts that use it on any service")]
    hosts_with_prime: Annotated[int, Column("hosts of which a prime is known")]
    share: Annotated[float, Column("hosts / hosts_with_prime")]
    handshakes: Annotated[int, Column("last grabs with it")]
    services: Annotated[tuple[str, ...], Column("services on which it is used, by name")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DhPrimeKindRow:
    """Primes that everybody knows, that several hosts share, that one host has alone."""

    kind: Annotated[PrimeKind, Column("well_known, shared by two or more hosts, of one_host alone")]
    primes: Annotated[int, Column("different primes of this kind")]
    hosts: Annotated[int, Column("hosts that use one on any service; a host may be in several rows")]
    hosts_with_prime: Annotated[int, Column("hosts of which a prime is known")]
    share: Annotated[float | None, Column("hosts / hosts_with_prime")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSchemeRow:
    """One scheme of the server's own signature on one service."""

    service: Annotated[str, Column("row of the services table; all: every handshake of every service")]
    port: Annotated[int | None, Column("its standard port")]
    code: Annotated[int, Column("IANA code")]
    scheme: Annotated[str, Column("IANA name; of unknown ones the code in hex")]
    handshakes: Annotated[int, Column("last grabs in which the server signed with it")]
    known: Annotated[int, Column("last grabs on this service with a signature of a known scheme")]
    share: Annotated[float | None, Column("handshakes / known")]


def kind_of(group: int) -> GroupKind:
    """What a group is, by its code; unknown codes count as curves."""
    if 0x0100 <= group <= 0x01FF:
        return GroupKind.FIELD
    name = GROUPS.get(group, "").upper()
    return GroupKind.HYBRID if "MLKEM" in name or "KYBER" in name else GroupKind.CURVE


def key_exchange_groups(evidence: Evidence) -> ibis.Table:
    """Groups used, by service.

    Returns:
        One row per service and group, most used first; `handshakes` out of `known`, and out of `of_kind`.
    """
    grabs = tls_grabs(evidence)
    counts = grabs.filter(grabs.group.notnull()).group_by("bit", "group").agg(handshakes=ibis._.count())
    kinds = names_of({group: str(kind_of(group)) for group in (*GROUPS, *_FIELD_BITS)})
    counts = counts.left_join(kinds, counts.group == kinds.known_code)
    kind = counts.known_name.fill_null(str(GroupKind.CURVE))
    counts = and_all(evidence, counts.select("bit", "group", "handshakes", kind=kind), "group", "kind")
    rows = shares_of(counts, "handshakes", "of_kind", "kind").rename(of_kind_share="share")
    rows = coded(shares_of(rows, "handshakes", "known"), names_of(GROUPS), "group", "group")
    return in_order(beside(rows, "key_exchange_groups"), ibis.desc("handshakes"), "code")


def dh_sizes(evidence: Evidence) -> ibis.Table:
    """Sizes of Diffie-Hellman primes, TLS 1.3's groups of RFC 7919 included.

    Returns:
        One row per service and size, ascending; `handshakes` out of `known`.
    """
    grabs = tls_grabs(evidence)
    sizes = grabs.group.cast("int64").cases(*_FIELD_BITS.items(), else_=ibis.null("int64"))
    sized = grabs.select("bit", bits=ibis.coalesce(grabs.dh_bits.cast("int64"), sizes))
    counts = sized.filter(sized.bits.notnull()).group_by("bit", "bits").agg(handshakes=ibis._.count())
    rows = shares_of(and_all(evidence, counts, "bits"), "handshakes", "known")
    return in_order(beside(rows, "dh_sizes"), "bits")


def dh_primes(evidence: Evidence) -> ibis.Table:
    """Primes by the hosts that use them.

    Returns:
        The PRIMES_MAX primes that most hosts use; `hosts` out of `hosts_with_prime`.
    """
    primes = _primes(evidence)
    rows = primes.cross_join(_with_prime(evidence))
    rows = rows.mutate(share=share(rows.hosts, rows.hosts_with_prime))
    window = ibis.window(order_by=[ibis.desc("hosts"), "prime_sha256"])
    return rows.mutate(rank=ibis.row_number().over(window) + 1).order_by("rank").limit(PRIMES_MAX)


def dh_prime_kinds(evidence: Evidence) -> ibis.Table:
    """Primes that everybody knows, and primes by how many hosts share them.

    Returns:
        One row per kind that is there; `hosts` out of `hosts_with_prime`.
    """
    primes = _primes(evidence)
    kind = primes.name.notnull().ifelse(
        str(PrimeKind.WELL_KNOWN),
        (primes.hosts > 1).ifelse(str(PrimeKind.SHARED), str(PrimeKind.ALONE)),
    )
    kinds = primes.select("prime_sha256", kind=kind)
    rows = _uses(evidence).join(kinds, "prime_sha256").group_by("kind")
    counts = rows.agg(primes=ibis._.prime_sha256.nunique(), hosts=ibis._.ip.nunique())
    counts = counts.cross_join(_with_prime(evidence))
    place = ibis.literal([str(kind) for kind in PrimeKind]).index(counts.kind)
    return counts.mutate(share=share(counts.hosts, counts.hosts_with_prime), place=place).order_by("place")


def signature_schemes(evidence: Evidence) -> ibis.Table:
    """What servers signed their handshakes with.

    Returns:
        One row per service and scheme, most used first; `handshakes` out of `known`. RSA key transport and TLS
        up to 1.1, which names no scheme, are not in it.
    """
    grabs = tls_grabs(evidence)
    signed = grabs.filter(grabs.signature_scheme.notnull())
    counts = signed.group_by("bit", "signature_scheme").agg(handshakes=signed.count())
    rows = shares_of(and_all(evidence, counts, "signature_scheme"), "handshakes", "known")
    rows = coded(rows, names_of(SIGNATURE_SCHEMES), "signature_scheme", "scheme")
    return in_order(rows, ibis.desc("handshakes"), "code")


def _uses(evidence: Evidence) -> ibis.Table:
    """One row per handshake with a prime, held: ip, service, prime_sha256, name, bits."""

    def read() -> ibis.Table:
        rows = texts_of(evidence, "dh_prime_sha256", "dh_prime_name", "dh_bits")
        used = rows.filter(rows.dh_prime_sha256.notnull())
        narrow = used.select(
            "ip", "service", prime_sha256="dh_prime_sha256", name="dh_prime_name", bits="dh_bits"
        )
        return evidence.dataset.put("dh_primes_used", narrow)

    return evidence.once("dh_primes_used", read)


def _primes(evidence: Evidence) -> ibis.Table:
    uses = _uses(evidence)
    return uses.group_by("prime_sha256").agg(
        name=uses.name.max(),
        bits=uses.bits.max().cast("int64"),
        hosts=uses.ip.nunique(),
        handshakes=uses.count(),
        services=uses.service.collect(distinct=True).sort(),
    )


def _with_prime(evidence: Evidence) -> ibis.Table:
    return _uses(evidence).aggregate(hosts_with_prime=ibis._.ip.nunique())
