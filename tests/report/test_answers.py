"""Sentences of the first page about what a study has beside hosts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mailcensus.analysis.catalogue import TABLES
from mailcensus.model import schema_of
from mailcensus.report.answers import answers_beside_hosts

NAMES = ("mail_states", "mail_abroad", "passive_services", "sender_conditions_summary")


def said(**rows: list[dict[str, Any]]) -> list[str]:
    specs = {spec.name: spec for spec in TABLES}
    tables = {}
    for name in NAMES:
        schema = schema_of(specs[name].row)
        full = [dict.fromkeys(schema.names) | row for row in rows.get(name, [])]
        nullable = pa.schema([field.with_nullable(True) for field in schema])
        tables[name] = pa.Table.from_pylist(full, schema=nullable)
    return [s.before + s.strong + s.after for s in answers_beside_hosts(tables)]


def test_a_study_of_hosts_alone_has_nothing_to_add() -> None:
    assert said() == []


def test_domains_are_counted_once_whatever_the_groups() -> None:
    states = [
        {"group": group, "mail": mail, "domains": domains, "of": 10}
        for group in ("all", "north")
        for mail, domains in (("mx", 8), ("nxdomain", 2))
    ]
    assert said(mail_states=states) == ["8 of 10 domains of the list (80.0 %) name exchanges."]


def test_abroad_is_said_only_where_the_study_names_its_country() -> None:
    assert said(mail_abroad=[{"group": "all", "domains": 4, "any_abroad": None}]) == []
    (sentence,) = said(mail_abroad=[{"group": "all", "domains": 4, "any_abroad": 1}])
    assert sentence == "1 of 4 domains whose servers' country is known (25.0 %) have one in another country."


def test_connections_and_senders_are_said() -> None:
    seen = {"service": "all", "tls_connections": 3, "tls_connections_known": 4, "tls_share": 0.75}
    assert said(passive_services=[seen]) == [
        "3 of 4 connections of others (75.0 %), of which it is known, were behind TLS."
    ]
    expired = {"title": "the certificate has expired", "should": "refuse", "senders": 5, "delivered_clear": 0}
    plain = {"title": "no STARTTLS", "should": "clear_or_refuse", "senders": 4, "delivered_clear": 3}
    assert said(sender_conditions_summary=[expired, plain]) == [
        "Where careful senders do not, none delivered in the clear: 5 watched."
    ]
    cut = {"title": "the handshake is cut", "should": "encrypt", "senders": 5, "delivered_clear": 2}
    assert said(sender_conditions_summary=[expired, plain, cut]) == [
        "2 of 5 senders delivered in the clear where careful senders do not: the handshake is cut."
    ]
