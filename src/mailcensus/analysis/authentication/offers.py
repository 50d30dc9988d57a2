"""What hosts offer to log in with, before TLS and behind it: the base of every table of authentication.

Hosts that offer the same are one row with their number, so that the tables count a few thousand rows, not millions.
"""

from __future__ import annotations

from enum import StrEnum

import ibis

from mailcensus.analysis.authentication.mechanisms import PLAIN_TEXT
from mailcensus.analysis.database_functions import list_intersect
from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import later_attempts, of_run, without_superseded
from mailcensus.model import Outcome, Stage, TlsMode

PROTOCOLS = ("smtp", "lmtp", "pop3", "imap", "managesieve", "irc", "xmpp")
"""Protocols with capabilities that may name ways to log in."""
_BETWEEN = "\x1f"


class Side(StrEnum):
    """Which side of the start of TLS."""

    BEFORE = "before"
    AFTER = "after"


def offers(evidence: Evidence) -> ibis.Table:
    """Hosts alike, by service and side of TLS, held.

    A host is on the side `before` of a service that begins without TLS when it took the connection, and on the side
    `after` when it chose a TLS version.

    Returns:
        bit, side, auth (mechanisms in the server's order, upper case; null: it did not say what it can), protocol,
        login_disabled (of IMAP: LOGINDISABLED, RFC 9051 section 6.2.3; null: unknown or no IMAP), starttls (offered
        before TLS), offering, plain (offers plain text), plain_only, plain_first, hosts.
    """

    def made() -> ibis.Table:
        alike = evidence.dataset.put("auth_alike", _alike(evidence))
        sides = ibis.union(_side(alike, Side.BEFORE), _side(alike, Side.AFTER))
        summed = sides.group_by(
            "bit", "side", "protocol", "auth", "login_disabled", "starttls"
        ).agg(hosts=sides.hosts.sum().cast("int64"))  # fmt: skip
        return evidence.dataset.put("auth_offers", _with_flags(summed))

    return evidence.once("auth_offers", made)


def totals(evidence: Evidence) -> ibis.Table:
    """Per service and side: bit, side, known (hosts that said what they can), offering, unknown (others there)."""
    rows = offers(evidence)
    known = rows.auth.notnull()
    return rows.group_by("bit", "side").agg(
        known=count(rows, known), offering=count(rows, rows.offering), unknown=count(rows, ~known)
    )


def count(rows: ibis.Table, where: ibis.Value) -> ibis.Value:
    """Hosts in the rows of which something is true; null is not true."""
    return rows.hosts.sum(where=where.fill_null(False)).fill_null(0).cast("int64")


def _alike(evidence: Evidence) -> ibis.Table:
    grabs = evidence.dataset.table("grabs")
    asked = of_run(grabs, evidence.run_id)
    asked = asked.filter(asked.protocol.isin(PROTOCOLS))
    narrow = asked.select(
        "ip", "service", "attempt", "protocol", "auth_before", "auth_after", starttls=asked.starttls_offered,
        implicit=asked.tls_mode == str(TlsMode.IMPLICIT),
        reached=(asked.stage != str(Stage.CONNECT)) & (asked.outcome != str(Outcome.EXCLUDED)),
        tls=asked.tls.version.notnull().fill_null(False),
        login_disabled_before=_login_disabled(asked.protocol, asked.capabilities_before),
        login_disabled_after=_login_disabled(asked.protocol, asked.capabilities_after),
    )  # fmt: skip
    final = without_superseded(narrow, later_attempts(grabs, evidence.run_id)).drop("ip", "attempt")
    alike = final.group_by(list(final.columns)).agg(hosts=final.count())
    bits = evidence.services.select("service", "bit")
    return alike.join(bits, "service").drop("service")


def _login_disabled(protocol: ibis.Value, capabilities: ibis.Value) -> ibis.Value:
    words = (ibis.literal(" ") + capabilities.join(" ") + " ").upper()
    return (protocol == "imap").ifelse(words.contains(" LOGINDISABLED "), ibis.null("boolean"))


def _side(alike: ibis.Table, side: Side) -> ibis.Table:
    there = (alike.reached & ~alike.implicit) if side is Side.BEFORE else alike.tls
    # An answer is one, whatever became of TLS afterwards.
    rows = alike.filter(there | alike[f"auth_{side}"].notnull())
    return rows.select(
        "bit", "protocol", "starttls", "hosts", side=ibis.literal(str(side)),
        auth=_upper(rows[f"auth_{side}"]),
        login_disabled=rows[f"login_disabled_{side}"],
    )  # fmt: skip


def _upper(names: ibis.Value) -> ibis.Value:
    """Lists of names in upper case. Names of mechanisms hold no white space or controls (RFC 4422 section 3.1)."""
    written = names.join(_BETWEEN).upper().split(_BETWEEN)
    return (names.length() == 0).ifelse(names, written)


def _with_flags(rows: ibis.Table) -> ibis.Table:
    plain = list_intersect(rows.auth, list(PLAIN_TEXT)).length()
    offered = rows.auth.length()
    return rows.mutate(
        offering=offered > 0,
        plain=plain > 0,
        plain_only=(plain > 0) & (plain == offered),
        plain_first=rows.auth[0].isin(PLAIN_TEXT).fill_null(False),
    )
