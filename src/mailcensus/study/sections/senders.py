"""Receivers for senders."""

from __future__ import annotations

from pydantic import Field

from mailcensus.study.sections.base import Port, PositiveFloat, PositiveInt, Section


class SendersSection(Section):
    """Receivers that are badly secured on purpose, to see what senders do (`mailcensus senders`)."""

    domain: str | None = Field(
        None,
        description="a domain of your own, for this alone; every condition gets a name below it",
        examples=["experiment.example"],
    )
    addresses: tuple[str, ...] = Field(
        (),
        description="addresses to listen at, single ones or prefixes: one for each receiver and one for policies",
        examples=[["192.0.2.0/26"]],
    )
    who: tuple[str, ...] = Field((), description="the senders to watch, by names of your choice")
    conditions: tuple[str, ...] = Field(
        (), description="conditions to play; none: all (`mailcensus senders plan --list` prints them)"
    )
    wait_h: PositiveFloat = Field(
        120.0,
        description="hours after sending until silence is an outcome; queues are given up after 4 to 5 days",
    )
    smtp_port: Port = Field(
        2525, description="port to listen on; forward port 25 to it, and no root is needed"
    )
    smtps_port: Port = Field(2465, description="port for implicit TLS; forward port 465 to it")
    https_port: Port = Field(
        2443, description="port for MTA-STS policies and reports; forward port 443 to it"
    )
    public_port: Port = Field(25, description="port that senders connect to, as TLSA records name it")
    message_bytes: PositiveInt = Field(
        1_048_576, description="longest message; all are read for a token and dropped"
    )
    connections: PositiveInt = Field(400, description="open connections over everything; more get 421")
    client_connections: PositiveInt = Field(20, description="open connections of one client; more get 421")
    connections_per_s: PositiveFloat = Field(
        50.0, description="new connections a second over everything; more are closed unread, and counted"
    )
    idle_s: PositiveFloat = Field(
        300.0, description="how long a sender may be silent (RFC 5321: five minutes)"
    )
    connection_s: PositiveFloat = Field(1_800.0, description="how long one connection may take")
    reverse_names: bool = Field(True, description="look up the reverse names of senders")
