"""The tables on how users log in, what else servers take, and hygiene, in the order in which they are shown."""

from __future__ import annotations

from mailcensus.analysis.authentication import tables as authentication
from mailcensus.analysis.table_spec import TableSpec

PROTECTION_TABLES: tuple[TableSpec, ...] = (
    TableSpec(
        "auth_mechanisms",
        "Ways to log in",
        "One row per service, side of TLS and mechanism, at most 100 of each. Shares are of the hosts that offer any "
        "mechanism there, and of those that said what they can. (Holz 2016, tables VIII and IX)",
        authentication.MechanismRow,
        authentication.auth_mechanisms,
    ),
    TableSpec(
        "auth_combinations",
        "Ways to log in, in order",
        "One row per service, side of TLS and ordered combination of mechanisms, at most 100 of each. Shares are of "
        "the hosts that offer any mechanism there. (Holz 2016, tables X and XI)",
        authentication.CombinationRow,
        authentication.auth_combinations,
    ),
    TableSpec(
        "auth_plain_text",
        "Passwords as they are",
        "How many hosts offer mechanisms that send the password itself, offer nothing else, or name such a one first. "
        "Shares are of the hosts that offer any mechanism there; LOGINDISABLED of the IMAP hosts that said what they "
        "can. (Holz 2016, tables X to XIII)",
        authentication.PlainTextRow,
        authentication.auth_plain_text,
    ),
)
