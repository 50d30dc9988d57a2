"""Ways to log in before STARTTLS, as users met them: tables XII and XIII of "TLS in the Wild".

What hides behind TLS is not seen. So this is what a client could use that does not start TLS, and what those did that
did not: names of mechanisms only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.authentication.mechanisms import PLAIN_TEXT, MechanismKind, kind_of
from mailcensus.analysis.database_functions import list_distinct
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.passive.counting import by_both, servers_where, where
from mailcensus.analysis.passive.seen import with_port
from mailcensus.analysis.passive.setting_aside import set_aside
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column, TlsMode

SHOWN_MAX = 100
"""Mechanisms, and combinations, of each service that are told."""
_SENT_PLAIN = (*PLAIN_TEXT, "IMAP LOGIN", "PASS", "IQ AUTH")
"""Ways in which a client sends its password as it is: SASL's, IMAP's LOGIN, IRC's PASS, XEP-0078's (mostly plain)."""
_BETWEEN = "\x1f"

_Service = Annotated[str, Column("row of the services table")]
_Port = Annotated[int, Column("its standard port")]
_KnownConnections = Annotated[int, Column("connections in which the server offered any mechanism before TLS")]
_KnownServers = Annotated[int, Column("servers of these connections")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveMechanismRow:
    """One mechanism offered before TLS on one service."""

    service: _Service
    port: _Port
    mechanism: Annotated[str, Column("name in upper case")]
    kind: Annotated[MechanismKind, Column("what it sends, as in auth_mechanisms")]
    connections: Annotated[int, Column("connections in which it was offered")]
    known_connections: _KnownConnections
    connection_share: Annotated[float | None, Column("connections / known_connections")]
    servers: Annotated[int, Column("servers that offered it at least once")]
    known_servers: _KnownServers
    server_share: Annotated[float | None, Column("servers / known_servers")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassiveCombinationRow:
    """One ordered combination of mechanisms offered before TLS on one service."""

    service: _Service
    port: _Port
    mechanisms: Annotated[str, Column("mechanisms in the server's order, with commas")]
    connections: Annotated[int, Column("connections in which exactly these were offered")]
    known_connections: _KnownConnections
    connection_share: Annotated[float | None, Column("connections / known_connections")]
    servers: Annotated[int, Column("servers that offered exactly these at least once")]
    known_servers: _KnownServers
    server_share: Annotated[float | None, Column("servers / known_servers")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PassivePlainTextRow:
    """Passwords in the clear on one service."""

    service: _Service
    port: _Port
    login_known: Annotated[int, Column("IMAP: connections in which the server said what it can before TLS")]
    login_disabled: Annotated[int, Column("of login_known: LOGINDISABLED was among it")]
    login_disabled_share: Annotated[float | None, Column("login_disabled / login_known")]
    login_known_servers: Annotated[int, Column("IMAP: servers of these connections")]
    login_disabled_servers: Annotated[int, Column("of login_known_servers: said LOGINDISABLED at least once")]
    login_disabled_server_share: Annotated[
        float | None, Column("login_disabled_servers / login_known_servers")
    ]
    not_upgraded: Annotated[int, Column("connections that are known to have gone on without TLS")]
    logged_in: Annotated[int, Column("of not_upgraded: the client was seen to authenticate")]
    plain: Annotated[int, Column("of logged_in: by sending its password as it is")]
    plain_share: Annotated[float | None, Column("plain / logged_in")]
    plain_servers: Annotated[int, Column("servers that were sent a password so")]
    published: Published
    source: Source


def passive_auth_mechanisms(evidence: Evidence) -> ibis.Table:
    """Table XII: mechanisms offered before STARTTLS, by connection and by server.

    Returns:
        One row per service and mechanism, most offered first.
    """
    rows = _offers(evidence)
    each = rows.mutate(mechanism=list_distinct(rows.auth).unnest())
    counted = _counted(evidence, "passive_by_mechanism", each, "mechanism")
    return _most(
        beside(counted.mutate(kind=kind_of(counted.mechanism)), "passive_auth_mechanisms"), "mechanism"
    )


def passive_auth_combinations(evidence: Evidence) -> ibis.Table:
    """Table XIII: ordered combinations of mechanisms offered before STARTTLS.

    Returns:
        One row per service and combination, most offered first.
    """
    rows = _offers(evidence)
    rows = rows.mutate(mechanisms=rows.auth.join(","))
    counted = _counted(evidence, "passive_by_combination", rows, "mechanisms")
    return _most(beside(counted, "passive_auth_combinations"), "mechanisms")


def passive_plain_text(evidence: Evidence) -> ibis.Table:
    """LOGINDISABLED, and passwords in the clear of clients that did not start TLS.

    Returns:
        One row per service that starts TLS on request, with anything of it.
    """
    rows = _talks(evidence)
    rows = rows.filter(rows["mode"] == str(TlsMode.STARTTLS))
    clear = ~rows.upgraded.fill_null(True)
    plain = rows.client_mechanism.upper().isin(_SENT_PLAIN)
    disabled = rows.login_disabled
    counts = rows.group_by("service", "port").agg(
        login_known=where(rows, disabled.notnull()),
        login_disabled=where(rows, disabled),
        login_known_servers=servers_where(rows, disabled.notnull()),
        login_disabled_servers=servers_where(rows, disabled),
        not_upgraded=where(rows, clear),
        logged_in=where(rows, clear & rows.client_mechanism.notnull()),
        plain=where(rows, clear & plain),
        plain_servers=servers_where(rows, clear & plain),
    )
    counts = counts.filter((counts.login_known > 0) | (counts.not_upgraded > 0))
    counts = counts.mutate(
        login_disabled_share=share(counts.login_disabled, counts.login_known),
        login_disabled_server_share=share(counts.login_disabled_servers, counts.login_known_servers),
        plain_share=share(counts.plain, counts.logged_in),
    )
    return beside(counts, "passive_plain_text").order_by("port", "service")


def _talks(evidence: Evidence) -> ibis.Table:
    """Flows that are not set aside, with what was said of logging in: server is the address here."""
    flows = evidence.dataset.table("flows")
    flows = flows.filter(flows.service.notnull())
    narrow = flows.select(
        "service", "upgraded", "login_disabled", "client_mechanism",
        server="ip", auth=_upper(flows.auth_before), aside=set_aside(flows),
    )  # fmt: skip
    kept = narrow.filter(narrow.aside.isnull()).drop("aside")
    return with_port(kept)


def _offers(evidence: Evidence) -> ibis.Table:
    rows = _talks(evidence)
    return rows.filter(rows.auth.length() > 0).select("server", "service", "port", "auth")


def _counted(evidence: Evidence, name: str, rows: ibis.Table, key: str) -> ibis.Table:
    """By connection and server; shares are of all that were offered any mechanism."""
    offers = _offers(evidence)
    known = offers.group_by("service").agg(
        known_connections=offers.count(), known_servers=offers.server.nunique()
    )
    counts = by_both(evidence, name, rows, key).drop("known_connections", "known_servers")
    counts = counts.filter(~counts.together).join(known, "service")
    return counts.mutate(
        connection_share=share(counts.connections, counts.known_connections),
        server_share=share(counts.servers, counts.known_servers),
    )


def _most(counts: ibis.Table, name: str) -> ibis.Table:
    order = [counts.connections.desc(), counts[name]]
    ranked = counts.mutate(place=ibis.row_number().over(ibis.window(group_by="service", order_by=order)))
    kept = ranked.filter(ranked.place < SHOWN_MAX)
    return kept.order_by("port", "service", "place")


def _upper(names: ibis.Value) -> ibis.Value:
    """Lists of names in upper case. Names of mechanisms hold no white space or controls (RFC 4422 section 3.1)."""
    written = names.join(_BETWEEN).upper().split(_BETWEEN)
    return (names.length() == 0).ifelse(names, written)
