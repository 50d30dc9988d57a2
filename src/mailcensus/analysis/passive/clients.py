"""What clients can do: what their hellos offer, and their fingerprints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import and_all, in_order
from mailcensus.analysis.passive.seen import with_port
from mailcensus.analysis.passive.setting_aside import set_aside
from mailcensus.analysis.posture.by_service import coded, names_of, share
from mailcensus.analysis.posture.ciphers import class_of
from mailcensus.model import Column
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, TLS_1_2, TLS_1_3, VERSIONS

FINGERPRINTS_MAX = 50
"""Fingerprints of each kind that are shown for a service."""
_GREASE = [code << 8 | code for code in range(0x0A, 0x100, 0x10)]
"""Codes that clients offer to keep servers tolerant, and that mean nothing: RFC 8701 section 2."""


class Offer(StrEnum):
    """What a client offers of."""

    HIGHEST_VERSION = "highest_version"
    CIPHER_CLASS = "cipher_class"
    GROUP = "group"
    ALPN = "alpn"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOfferRow:
    """One thing that clients offer on one service."""

    service: Annotated[str, Column("row of the services table; all: every service together")]
    port: Annotated[int | None, Column("its standard port")]
    offer: Annotated[Offer, Column("highest_version, cipher_class, group, alpn")]
    name: Annotated[str, Column("its name; of unknown codes the code in hex")]
    connections: Annotated[int, Column("connections whose ClientHello offers it")]
    known_connections: Annotated[int, Column("connections on the service whose ClientHello was read")]
    share: Annotated[float | None, Column("connections / known_connections")]
    clients: Annotated[int | None, Column("different clients; null: they were dropped")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFingerprintRow:
    """One fingerprint of ClientHellos on one service."""

    kind: Annotated[str, Column("ja3 or ja4")]
    service: Annotated[str, Column("row of the services table; all: every service together")]
    port: Annotated[int | None, Column("its standard port")]
    rank: Annotated[int, Column("1 is the most frequent on this service")]
    fingerprint: Annotated[str, Column("JA3 (MD5, hex) or JA4")]
    connections: Annotated[int, Column("connections with it")]
    known_connections: Annotated[
        int, Column("connections on the service that have a fingerprint of the kind")
    ]
    share: Annotated[float | None, Column("connections / known_connections")]
    clients: Annotated[int | None, Column("different clients; null: they were dropped")]
    servers: Annotated[int, Column("different servers")]


def client_offers(evidence: Evidence) -> ibis.Table:
    """Highest versions, classes of suites, groups and ALPN that clients offer; GREASE left out.

    Returns:
        One row per service, kind of offer and name. A client offers several classes, groups and protocols.
    """
    rows = _hellos(evidence)
    rows = rows.filter(rows.cipher_suites.notnull())
    known = and_all(rows)
    known = known.group_by("service").agg(known_connections=known.count())
    offers = ibis.union(_versions(rows), _classes(rows), _groups(rows), _alpn(rows))
    each = and_all(offers)
    counts = each.group_by("service", "port", "together", "offer", "name").agg(
        connections=each.count(), clients=each.client.nunique()
    )
    counts = counts.join(known, "service")
    counts = counts.mutate(share=share(counts.connections, counts.known_connections), clients=_if_any(counts))
    place = ibis.literal([str(offer) for offer in Offer]).index(counts.offer)
    return in_order(counts, place, ibis.desc("connections"), "name")


def client_fingerprints(evidence: Evidence) -> ibis.Table:
    """JA3 and JA4 of clients, most frequent first.

    Returns:
        At most FINGERPRINTS_MAX rows per kind and service.
    """
    rows = _hellos(evidence)
    kinds = [
        rows.select("service", "port", "client", "server", kind=ibis.literal(kind), fingerprint=rows[kind])
        for kind in ("ja3", "ja4")
    ]
    each = ibis.union(*kinds)
    each = and_all(each.filter(each.fingerprint.notnull()))
    base = ["kind", "service", "port", "together"]
    counts = each.group_by([*base, "fingerprint"]).agg(
        connections=each.count(), clients=each.client.nunique(), servers=each.server.nunique()
    )
    order = [counts.connections.desc(), counts.fingerprint]
    rows = counts.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=base, order_by=order)) + 1,
        known_connections=counts.connections.sum().over(ibis.window(group_by=base)),
    )
    rows = rows.filter(rows["rank"] <= FINGERPRINTS_MAX)
    rows = rows.mutate(share=share(rows.connections, rows.known_connections), clients=_if_any(rows))
    return rows.order_by("kind", "together", "port", "service", "rank")


def _if_any(counts: ibis.Table) -> ibis.Value:
    return counts.clients.nullif(0)


def _hellos(evidence: Evidence) -> ibis.Table:
    """Flows whose ClientHello is known and that are not set aside, held: row, service, port, client, server, fields."""

    def made() -> ibis.Table:
        flows = evidence.dataset.table("flows")
        flows = flows.filter(flows.service.notnull() & flows.client_hello.notnull())
        hello = flows.client_hello
        names = ("legacy_version", "versions", "cipher_suites", "groups", "alpn", "ja3", "ja4")
        narrow = flows.select(
            "service", "client", server="ip", aside=set_aside(flows), **{name: hello[name] for name in names}
        )
        kept = with_port(narrow.filter(narrow.aside.isnull()).drop("aside")).drop("mode")
        return evidence.dataset.put("client_hellos", kept.mutate(row=ibis.row_number().over()))

    return evidence.once("client_hellos", made)


def _versions(rows: ibis.Table) -> ibis.Table:
    """The highest by supported_versions, else the hello's own, which is TLS 1.2 at most (RFC 8446 section 4.1.2)."""
    each = rows.select("row", code=rows.versions.unnest())
    # GREASE and drafts are above every version there is.
    highest = each.filter(each.code <= TLS_1_3).group_by("row").agg(highest=ibis._.code.max())
    legacy = ibis.least(rows.legacy_version, ibis.literal(TLS_1_2, "uint16"))
    both = rows.mutate(legacy=legacy).left_join(highest, "row")
    both = both.mutate(highest=ibis.coalesce(both.highest, both.legacy))
    named = coded(both.filter(both.highest.notnull()), names_of(VERSIONS), "highest", "name")
    return _offers(named, Offer.HIGHEST_VERSION, named.name)


def _classes(rows: ibis.Table) -> ibis.Table:
    codes = {code: str(class_of(code)) for code, name in CIPHER_SUITES.items() if _encrypts(code, name)}
    classes = names_of(codes)
    each = _each(rows, "cipher_suites").mutate(suite=ibis._.one.cast("int64"))
    named = each.join(classes, each.suite == classes.known_code)
    named = named.select("row", "service", "port", "client", "known_name").distinct()
    return _offers(named, Offer.CIPHER_CLASS, named.known_name)


def _encrypts(code: int, name: str) -> bool:
    """Whether it is a suite, and none of the signals that stand among them (RFC 5746, RFC 7507)."""
    return "_WITH_" in name or code >> 8 == 0x13


def _groups(rows: ibis.Table) -> ibis.Table:
    each = _each(rows, "groups")
    named = coded(each.filter(~each.one.isin(_GREASE)), names_of(GROUPS), "one", "name")
    return _offers(named, Offer.GROUP, named.name)


def _alpn(rows: ibis.Table) -> ibis.Table:
    each = _each(rows, "alpn")
    return _offers(each, Offer.ALPN, each.one)


def _each(rows: ibis.Table, offered: str) -> ibis.Table:
    """What each hello offers, each once: row, service, port, client, one."""
    return rows.select("row", "service", "port", "client", one=rows[offered].unnest()).distinct()


def _offers(rows: ibis.Table, offer: Offer, name: ibis.Value) -> ibis.Table:
    return rows.select("service", "port", "client", offer=ibis.literal(str(offer)), name=name)
