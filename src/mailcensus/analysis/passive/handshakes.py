"""What was negotiated: versions (table IV), classes of suites (figure 3), groups, DH sizes, ALPN, stapling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import and_all, by_both, in_order, servers_where, where
from mailcensus.analysis.passive.seen import mail, seen, shaken
from mailcensus.analysis.passive.setting_aside import SetAside
from mailcensus.analysis.posture.by_service import coded, names_of, share
from mailcensus.analysis.posture.ciphers import CipherClass, class_of
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import GROUPS, VERSIONS

_FINITE_FIELD = (0x0100, 0x01FF)
"""Codes of groups that are finite fields: RFC 7919 section 2."""

_Service = Annotated[str, Column("row of the services table; all: every service together")]
_Port = Annotated[int | None, Column("its standard port")]
_Connections = Annotated[int, Column("connections with it, TLS established")]
_KnownConnections = Annotated[int, Column("connections on the service of which it is known")]
_ConnectionShare = Annotated[float | None, Column("connections / known_connections")]
_Servers = Annotated[int, Column("servers with it, in any connection: a server may be in several rows")]
_KnownServers = Annotated[int, Column("servers on the service of which it is known")]
_ServerShare = Annotated[float | None, Column("servers / known_servers")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveVersionRow:
    """One TLS version on one service."""

    service: _Service
    port: _Port
    code: Annotated[int, Column("version as on the wire")]
    version: Annotated[str, Column("its name; of unknown ones the code in hex")]
    connections: _Connections
    known_connections: _KnownConnections
    connection_share: _ConnectionShare
    servers: _Servers
    known_servers: _KnownServers
    server_share: _ServerShare
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveCipherClassRow:
    """One class of cipher suites on one service."""

    service: _Service
    port: _Port
    cipher_class: Annotated[
        CipherClass, Column("null_export, rc4, 3des, ecdhe, dhe, aes_without_pfs, other: the first that fits")
    ]
    connections: _Connections
    known_connections: _KnownConnections
    connection_share: _ConnectionShare
    servers: _Servers
    known_servers: _KnownServers
    server_share: _ServerShare
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveGroupRow:
    """One key-exchange group, or size of a finite field, on one service."""

    service: _Service
    port: _Port
    kind: Annotated[str, Column("curve (hybrids with post-quantum ones too) or field")]
    name: Annotated[str, Column("IANA name, of unknown ones the code in hex; of a field its bits")]
    connections: _Connections
    known_connections: Annotated[int, Column("connections on the service with a group of this kind")]
    connection_share: _ConnectionShare
    servers: _Servers
    known_servers: Annotated[int, Column("servers on the service with a group of this kind")]
    server_share: _ServerShare
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveAlpnRow:
    """One protocol chosen by ALPN on one service, connections that are set aside included."""

    service: _Service
    port: _Port
    alpn: Annotated[str | None, Column("protocol chosen; null: none was")]
    connections: _Connections
    known_connections: Annotated[
        int, Column("connections on the service with TLS established, set aside or not")
    ]
    connection_share: _ConnectionShare
    servers: _Servers
    known_servers: Annotated[int, Column("servers on the service with such a connection")]
    server_share: _ServerShare


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAsideRow:
    """What was set aside on one service, and why."""

    service: _Service
    port: _Port
    why: Annotated[
        SetAside, Column("tor (certificates of its links), push (services of Apple and Google), proxy (HTTP)")
    ]
    connections: Annotated[int, Column("connections set aside for this")]
    all_connections: Annotated[int, Column("connections on the service, set aside or not")]
    connection_share: Annotated[float | None, Column("connections / all_connections")]
    servers: Annotated[int, Column("servers with any such connection")]
    all_servers: Annotated[int, Column("servers on the service")]
    server_share: Annotated[float | None, Column("servers / all_servers")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveStaplingRow:
    """OCSP stapling on one service."""

    service: _Service
    port: _Port
    known_connections: Annotated[
        int,
        Column("connections in which the server's flight was seen whole; never in TLS 1.3, which hides it"),
    ]
    stapled_connections: Annotated[int, Column("of these: a response was stapled")]
    connection_share: Annotated[float | None, Column("stapled_connections / known_connections")]
    known_servers: Annotated[int, Column("servers of these connections")]
    stapled_servers: Annotated[int, Column("of these: stapled at least once")]
    server_share: Annotated[float | None, Column("stapled_servers / known_servers")]
    published: Published
    source: Source


def passive_versions(evidence: Evidence) -> ibis.Table:
    """Table IV, passive: versions that clients and servers agreed on.

    Returns:
        One row per service and version.
    """
    rows = by_both(evidence, "passive_by_version", shaken(evidence), "version")
    rows = coded(rows, names_of(VERSIONS), "version", "version")
    return in_order(beside(rows, "passive_versions"), "code")


def passive_cipher_classes(evidence: Evidence) -> ibis.Table:
    """Figure 3: classes of the suites agreed on, by service; none is dropped for being rare.

    Returns:
        One row per service and class that is there, in the order of `CipherClass`.
    """
    rows = shaken(evidence)
    rows = rows.filter(rows.cipher_suite.notnull())
    codes = {code: str(class_of(code)) for code in CIPHER_SUITES}
    code = rows.cipher_suite.cast("int64")
    classes = names_of(codes)
    named = rows.mutate(code=code).left_join(classes, code == classes.known_code)
    in_field = named.group.between(*_FINITE_FIELD).fill_null(False) & named.code.between(0x1300, 0x13FF)
    kind = in_field.ifelse(str(CipherClass.DHE), named.known_name.fill_null(str(CipherClass.OTHER)))
    rows = by_both(evidence, "passive_by_class", named.mutate(cipher_class=kind), "cipher_class")
    place = ibis.literal([str(kind) for kind in CipherClass]).index(rows.cipher_class)
    return in_order(beside(rows, "passive_cipher_classes"), place)


def passive_groups(evidence: Evidence) -> ibis.Table:
    """Section V, passive: curves that were used, and sizes of finite fields.

    Returns:
        One row per service and group or size; shares are of those of its kind.
    """
    rows = shaken(evidence)
    field = rows.group.between(*_FINITE_FIELD).fill_null(False) | (
        rows.group.isnull() & rows.dh_bits.notnull()
    )
    rows = rows.filter(rows.group.notnull() | rows.dh_bits.notnull())
    rows = coded(rows.mutate(kind=field.ifelse("field", "curve")), names_of(GROUPS), "group", "named")
    bits = ibis.coalesce(rows.dh_bits.cast("string") + " bits", rows.named)
    rows = rows.mutate(name=(rows.kind == "field").ifelse(bits, rows.named))
    rows = by_both(evidence, "passive_by_group", rows, "kind", "name", within=("kind",))
    return in_order(beside(rows, "passive_groups"), "kind", ibis.desc("connections"), "name")


def passive_alpn(evidence: Evidence) -> ibis.Table:
    """Protocols chosen by ALPN, what is set aside included: that is how proxies and push services are found.

    Returns:
        One row per service and protocol, most connections first.
    """
    rows = seen(evidence)
    rows = rows.filter(rows.established.fill_null(False) & rows.version.notnull())
    rows = by_both(evidence, "passive_by_alpn", rows, "alpn")
    return in_order(rows, ibis.desc("connections"), "alpn")


def passive_set_aside(evidence: Evidence) -> ibis.Table:
    """Connections that are in no other table here, by why.

    Returns:
        One row per service and reason that is there.
    """
    every = and_all(seen(evidence))
    whole = every.group_by("service", "port", "together").agg(
        all_connections=every.count(), all_servers=every.server.nunique()
    )
    aside = every.filter(every.set_aside.notnull())
    counts = aside.group_by("service", why=aside.set_aside).agg(
        connections=aside.count(), servers=aside.server.nunique()
    )
    rows = whole.join(counts, "service")
    return in_order(
        rows.mutate(
            connection_share=share(rows.connections, rows.all_connections),
            server_share=share(rows.servers, rows.all_servers),
        ),
        "why",
    )


def passive_stapling(evidence: Evidence) -> ibis.Table:
    """OCSP responses stapled, where that can be seen.

    Returns:
        One row per service with any connection of which it is known.
    """
    rows = mail(evidence)
    rows = and_all(rows.filter(rows.ocsp_stapled.notnull()))
    counts = rows.group_by("service", "port", "together").agg(
        known_connections=rows.count(),
        stapled_connections=where(rows, rows.ocsp_stapled),
        known_servers=rows.server.nunique(),
        stapled_servers=servers_where(rows, rows.ocsp_stapled),
    )
    counts = counts.mutate(
        connection_share=share(counts.stapled_connections, counts.known_connections),
        server_share=share(counts.stapled_servers, counts.known_servers),
    )
    return in_order(beside(counts, "passive_stapling"))
