"""Tables VIII to XI of "TLS in the Wild", for every service, and for both sides of the start of TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import ibis

from mailcensus.analysis.authentication.mechanisms import MechanismKind, kind_of
from mailcensus.analysis.authentication.offers import Side, count, offers, totals
from mailcensus.analysis.database_functions import list_distinct
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.posture.by_service import share
from mailcensus.analysis.published import Published, Source, beside
from mailcensus.model import Column

SHOWN_MAX = 100
"""Mechanisms, and combinations of them, that are shown for a service and side; servers may invent any number."""

_Service = Annotated[str, Column("row of the services table")]
_Port = Annotated[int, Column("its standard port")]
_Side = Annotated[Side, Column("before: what it says before TLS; after: behind TLS")]
_Offering = Annotated[int, Column("hosts that offer any mechanism on this service and side")]
_Known = Annotated[int, Column("hosts that said what they can on this service and side")]
_Unknown = Annotated[int, Column("others that took the connection (after: chose a TLS version); in no share")]


@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismRow:
    """One mechanism on one service and side of TLS."""

    service: _Service
    port: _Port
    side: _Side
    mechanism: Annotated[str, Column("name in upper case, known to us or not; USER and APOP are POP3's own")]
    kind: Annotated[
        MechanismKind,
        Column("plain_text (it sends the password), challenge, token, network, external, anonymous, unknown"),
    ]
    hosts: Annotated[int, Column("hosts that offer it")]
    offering: _Offering
    share: Annotated[float | None, Column("hosts / offering")]
    known: _Known
    known_share: Annotated[float | None, Column("hosts / known")]
    unknown: _Unknown
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinationRow:
    """One ordered combination of mechanisms on one service and side of TLS."""

    service: _Service
    port: _Port
    side: _Side
    mechanisms: Annotated[str, Column("mechanisms in the server's order, with commas")]
    plain_only: Annotated[bool, Column("each of them sends the password as it is")]
    plain_first: Annotated[bool, Column("the first one does: so will a client that obeys the order")]
    hosts: Annotated[int, Column("hosts that offer exactly these in this order")]
    offering: _Offering
    share: Annotated[float | None, Column("hosts / offering")]
    published: Published
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTextRow:
    """How far passwords go as they are, on one service and side of TLS."""

    service: _Service
    port: _Port
    side: _Side
    known: _Known
    offering: Annotated[int, Column("of known: offer any mechanism")]
    offering_share: Annotated[float | None, Column("offering / known")]
    plain: Annotated[int, Column("of offering: offer PLAIN, LOGIN or POP3's USER")]
    plain_share: Annotated[float | None, Column("plain / offering")]
    plain_only: Annotated[int, Column("of offering: offer nothing else")]
    plain_only_share: Annotated[float | None, Column("plain_only / offering")]
    plain_first: Annotated[
        int, Column("of offering: name such a one first; a client obeying the order uses it")
    ]
    plain_first_share: Annotated[float | None, Column("plain_first / offering")]
    login_known: Annotated[int, Column("of known: speak IMAP")]
    login_disabled: Annotated[int, Column("of login_known: say LOGINDISABLED")]
    login_disabled_share: Annotated[float | None, Column("login_disabled / login_known")]
    unknown: _Unknown


def auth_mechanisms(evidence: Evidence) -> ibis.Table:
    """Tables VIII and IX: mechanisms offered, on SUBMISSION and IMAPS behind TLS, and everywhere else.

    Returns:
        One row per service, side and mechanism, most offered first; `hosts` out of `offering` and out of `known`.
    """
    rows = offers(evidence)
    said = rows.filter(rows.offering)
    each = said.select("bit", "side", "hosts", mechanism=list_distinct(said.auth).unnest())
    counts = each.group_by("bit", "side", "mechanism").agg(hosts=each.hosts.sum().cast("int64"))
    rows = _most(counts, "mechanism").join(totals(evidence), ["bit", "side"])
    rows = rows.mutate(
        kind=kind_of(rows.mechanism),
        share=share(rows.hosts, rows.offering),
        known_share=share(rows.hosts, rows.known),
    )
    return _in_order(evidence, rows, "auth_mechanisms", ibis.desc("hosts"), "mechanism")


def auth_combinations(evidence: Evidence) -> ibis.Table:
    """Tables X and XI: ordered combinations of mechanisms.

    Returns:
        One row per service, side and combination, most offered first; `hosts` out of `offering`.
    """
    rows = offers(evidence)
    said = rows.filter(rows.offering)
    said = said.mutate(mechanisms=said.auth.join(","))
    counts = said.group_by("bit", "side", "mechanisms").agg(
        hosts=said.hosts.sum().cast("int64"),
        plain_only=said.plain_only.any(),
        plain_first=said.plain_first.any(),
    )
    rows = _most(counts, "mechanisms").join(totals(evidence), ["bit", "side"])
    rows = rows.mutate(share=share(rows.hosts, rows.offering))
    return _in_order(evidence, rows, "auth_combinations", ibis.desc("hosts"), "mechanisms")


def auth_plain_text(evidence: Evidence) -> ibis.Table:
    """Tables X and XI summed up: plain text only, plain text first, and IMAP's LOGINDISABLED (XII, XIII, active).

    Returns:
        One row per service and side.
    """
    rows = offers(evidence)
    counts = rows.group_by("bit", "side").agg(
        plain=count(rows, rows.plain),
        plain_only=count(rows, rows.plain_only),
        plain_first=count(rows, rows.plain_first),
        login_known=count(rows, rows.auth.notnull() & rows.login_disabled.notnull()),
        login_disabled=count(rows, rows.auth.notnull() & rows.login_disabled),
    )
    rows = counts.join(totals(evidence), ["bit", "side"])
    rows = rows.mutate(
        offering_share=share(rows.offering, rows.known),
        plain_share=share(rows.plain, rows.offering),
        plain_only_share=share(rows.plain_only, rows.offering),
        plain_first_share=share(rows.plain_first, rows.offering),
        login_disabled_share=share(rows.login_disabled, rows.login_known),
    )
    return _in_order(evidence, rows, None)


def _most(counts: ibis.Table, name: str) -> ibis.Table:
    """The SHOWN_MAX with most hosts of each service and side."""
    order = [counts.hosts.desc(), counts[name]]
    window = ibis.window(group_by=["bit", "side"], order_by=order)
    ranked = counts.mutate(place=ibis.row_number().over(window))
    return ranked.filter(ranked.place < SHOWN_MAX).drop("place")


def _in_order(evidence: Evidence, rows: ibis.Table, table: str | None, *then: str | ibis.Value) -> ibis.Table:
    rows = rows.join(evidence.services.select("service", "port", "bit"), "bit")
    if table is not None:
        rows = beside(rows, table)
    return rows.order_by("port", "service", ibis.desc("side"), *then)
