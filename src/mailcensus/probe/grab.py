"""One grab: one connection to one service of one address, and the record of what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TypedDict, Unpack

from mailcensus.model import Grab, Observation, Outcome, Stage
from mailcensus.probe.dialer import EXHAUSTED, Dialer, Excluded, Turn
from mailcensus.probe.transport import GrabTransport
from mailcensus.study import Settings, StageFailed
from mailcensus.wire.certificates import parse_certificate
from mailcensus.wire.exchange import Exchange, ExchangeSettings, Findings
from mailcensus.wire.exchanges import exchange_for
from mailcensus.wire.host_names import host_names_in
from mailcensus.wire.services import Service
from mailcensus.wire.software import identify_server
from mailcensus.wire.tls.hello import PROFILES, HelloProfile
from mailcensus.wire.tls.shares import KeyPairs


class Special(TypedDict, total=False):
    """What a grab may be told to do otherwise; fields of `ExchangeSettings`."""

    server_name: str | None
    hello: HelloProfile
    finish_tls: bool
    ssh_host_keys: tuple[str, ...]
    inject: bool


class Grabber:
    """Makes the grabs of one run."""

    def __init__(self, settings: Settings, run_id: str, dialer: Dialer) -> None:
        self._settings = settings
        self._run_id = run_id
        self._dialer = dialer
        self._key_pairs = KeyPairs()
        self._exchange_settings = ExchangeSettings(
            ehlo_name=settings.study.ehlo_name,
            hello=PROFILES[settings.collect.hello_profile],
            finish_tls=settings.collect.finish_tls,
        )

    async def grab(
        self,
        ip: str,
        service: Service,
        *,
        port: int | None = None,
        attempt: int = 1,
        **special: Unpack[Special],
    ) -> Observation:
        """Ask one service of one address. Whatever the peer does becomes the outcome of the record.

        Args:
            port: where the study's own port for the service, or the standard one, will not do.
            special: what is asked otherwise than in an ordinary grab.

        Raises:
            StageFailed: this machine cannot open connections (file descriptors, ports, memory).
        """
        if port is None:
            port = self._settings.ports.get(service.name, service.port)
        settings = replace(self._exchange_settings, **special) if special else self._exchange_settings
        if service.protocol == "http":
            settings = replace(settings, authority=_authority(ip, port, service))
        exchange = exchange_for(service, settings, self._key_pairs)
        started_at, began = datetime.now(UTC), perf_counter()
        carrier: GrabTransport | None = None
        try:
            async with self._dialer.admit(ip) as turn:
                started_at, began = datetime.now(UTC), perf_counter()
                carrier = await self._connect(turn, port, exchange)
                if carrier is not None:
                    await self._carried(carrier)
        except Excluded as excluded:
            exchange.give_up(Outcome.EXCLUDED, excluded.reason)
        findings = exchange.findings()
        if self._dialer.watches_names:
            self._dialer.name_seen(ip, _own_names(findings))
        software = identify_server(service.protocol, findings)
        grab = Grab(
            run_id=self._run_id,
            vantage=self._settings.study.vantage,
            started_at=started_at,
            duration_ms=(perf_counter() - began) * 1000,
            ip=ip,
            port=port,
            service=service.name,
            protocol=service.protocol,
            tls_mode=service.tls_mode,
            attempt=attempt,
            outcome=exchange.outcome or Outcome.CLOSED,
            stage=exchange.stage if carrier is not None else Stage.CONNECT,
            error=exchange.error,
            greeting=findings.greeting,
            software=software.product if software else None,
            software_version=software.version if software else None,
            os=software.os if software else None,
            capabilities_before=findings.capabilities_before,
            auth_before=findings.auth_before,
            starttls_offered=findings.starttls_offered,
            starttls_accepted=findings.starttls_accepted,
            capabilities_after=findings.capabilities_after,
            auth_after=findings.auth_after,
            tls=findings.tls,
            ssh=findings.ssh,
            http=findings.http,
            bytes_in=carrier.bytes_in if carrier else 0,
            bytes_out=carrier.bytes_out if carrier else 0,
        )
        return Observation(grab, findings.certificates, findings.keys, findings.starttls_injected)

    async def _connect(self, turn: Turn, port: int, exchange: Exchange) -> GrabTransport | None:
        """A connection that carries the exchange; None where there is none, which is the exchange's outcome."""
        connect_s = self._settings.collect.deadlines.connect_s
        try:
            return await turn.dial(port, connect_s, lambda: self._carrier(exchange))
        except OSError as error:
            exchange.give_up(*_connect_failure(error))
            return None

    def _carrier(self, exchange: Exchange) -> GrabTransport:
        loop = asyncio.get_running_loop()
        return GrabTransport(exchange, self._settings.collect.deadlines, loop.time, loop.create_future())

    async def _carried(self, carrier: GrabTransport) -> None:
        deadlines = self._dialer.deadlines
        deadlines.add(carrier)
        try:
            await carrier.done
        finally:
            deadlines.remove(carrier)


def _own_names(findings: Findings) -> list[str]:
    """The names that a host gave itself, in its greeting or its own certificate."""
    names = host_names_in(findings.greeting)
    if findings.certificates:
        leaf = parse_certificate(findings.certificates[0])
        names += [name for name in (leaf.common_name, *(leaf.sans or ())) if name is not None]
    return names


def _authority(ip: str, port: int, service: Service) -> str:
    """Address and port as in a URL, RFC 3986 section 3.2; the standard port goes without saying."""
    host = f"[{ip}]" if ":" in ip else ip
    return host if port == service.port else f"{host}:{port}"


def _connect_failure(error: OSError) -> tuple[Outcome, str]:
    """What a failed connect means for the record.

    Raises:
        StageFailed: the trouble is on this machine.
    """
    if error.errno in EXHAUSTED:
        raise StageFailed(
            f"cannot open another connection ({error.strerror or error}); "
            "lower politeness.in_flight or raise the limit (ulimit -n) and run the same command again"
        ) from error
    if isinstance(error, TimeoutError):
        return Outcome.TIMEOUT, "connection timed out"
    if isinstance(error, ConnectionResetError):
        return Outcome.RESET, "connection reset while connecting"
    return Outcome.REFUSED, (error.strerror or str(error) or "connection refused").lower()
