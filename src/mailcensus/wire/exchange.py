"""The one interface between a service's bytes and whatever carries them.

An exchange is driven by its owner, who holds the socket and the clock:

    send(exchange.start())
    while exchange.outcome is None:
        send(exchange.receive(data))      # or exchange.eof(), or exchange.give_up(Outcome.TIMEOUT, "...")

`receive` never raises on what a peer sends: whatever it was becomes an outcome, a stage and an error text, and
what was learnt before stays in `findings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mailcensus.model import Http, Outcome, Ssh, Stage, Tls
from mailcensus.wire.tls.hello import DEFAULT, HelloProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps on what one peer may make us read. In bytes unless the name says otherwise."""

    line: int = 8_192
    text: int = 131_072
    """Plain protocol text in one phase (before TLS, behind TLS)."""
    handshake: int = 262_144
    """All TLS or SSH handshake bytes."""
    certificate: int = 65_536
    chain_certificates: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """How a study speaks to servers."""

    ehlo_name: str
    """The scanner's own name (never the target's): EHLO and LHLO argument."""
    server_name: str | None = None
    """TLS server name indication; None sends none."""
    authority: str | None = None
    """Address and port asked, as in a URL: what HTTP calls the host where there is no server name."""
    hello: HelloProfile = DEFAULT
    finish_tls: bool = True
    """Finish handshakes where there is something to ask behind TLS."""
    ssh_host_keys: tuple[str, ...] | None = None
    """SSH host key algorithms to ask for, in order; None is the default order."""
    inject: bool = False
    """Send a command behind STARTTLS in the same packet and listen whether it is obeyed behind TLS (CVE-2011-0411)."""
    limits: Limits = Limits()


@dataclass(slots=True, kw_only=True)
class Findings:
    """What an exchange has learnt so far. Fields as in `model.Grab`; None is "not asked or not answered"."""

    greeting: str | None = None
    capabilities_before: tuple[str, ...] | None = None
    auth_before: tuple[str, ...] | None = None
    starttls_offered: bool | None = None
    starttls_accepted: bool | None = None
    starttls_injected: bool | None = None
    capabilities_after: tuple[str, ...] | None = None
    auth_after: tuple[str, ...] | None = None
    tls: Tls | None = None
    ssh: Ssh | None = None
    http: Http | None = None
    certificates: tuple[bytes, ...] = ()
    keys: tuple[bytes, ...] = ()


class Exchange(Protocol):
    """One service's whole conversation, seen from the client."""

    @property
    def stage(self) -> Stage:
        """The stage it is in, or ended in."""

    @property
    def outcome(self) -> Outcome | None:
        """None while it goes on."""

    @property
    def error(self) -> str | None:
        """One line on what went wrong, a server's own words with escapes (see `wire.visible`); None: nothing did."""

    def start(self) -> bytes:
        """What to send on connecting; empty where the server speaks first."""

    def receive(self, data: bytes) -> bytes:
        """Take what the peer sent; give what to send now, which may be nothing."""

    def eof(self) -> None:
        """The peer closed its side."""

    def give_up(self, outcome: Outcome, error: str) -> None:
        """The carrier cannot go on (timeout, reset, a cap). Nothing happens once there is an outcome."""

    def findings(self) -> Findings:
        """What was learnt up to now."""


def printable(raw: bytes) -> str:
    """Text of a peer for a record: UTF-8, and bytes that are not as \\xNN."""
    return raw.decode("utf-8", "backslashreplace")
