"""Fetches MTA-STS policies by HTTPS (RFC 8461 section 3.3), through the door, with the certificate verified.

This is the one place where a stock TLS library asks: here the question is whether an ordinary client gets the policy.
No secret is sent and no redirect followed.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mailcensus.probe.dialer import EXHAUSTED, Dialer, Excluded
from mailcensus.probe.policy_response import PolicyResponse, is_complete, read_response
from mailcensus.study import StageFailed

_PATH = "/.well-known/mta-sts.txt"


@dataclass(frozen=True, slots=True)
class PolicyAsk:
    """How policies are asked for, the same for all."""

    context: ssl.SSLContext
    port: int
    timeout_s: float
    ehlo_name: str


def policy_context(roots: Path) -> ssl.SSLContext:
    """What verifies policy hosts: TLS 1.2 or newer, the name, and a path to one of these roots (a PEM file)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=str(roots))
    return context


async def fetch_policy(dialer: Dialer, ask: PolicyAsk, host: str, addresses: Sequence[str]) -> PolicyResponse:
    """Ask a policy host, at its addresses in turn until a connection stands.

    Raises:
        StageFailed: this machine cannot open connections.
    """
    found = PolicyResponse("no_address", error="the policy host has no address")
    for ip in addresses:
        found = await _at(dialer, ask, host, ip)
        if found.outcome not in ("refused", "timeout", "excluded"):
            break
    return found


async def _at(dialer: Dialer, ask: PolicyAsk, host: str, ip: str) -> PolicyResponse:
    """One connection to one address; whatever the peer does is the outcome."""
    try:
        async with dialer.admit(ip) as turn:
            page = await turn.dial(ask.port, ask.timeout_s, _Page)
            async with asyncio.timeout(ask.timeout_s):
                return await page.fetch(ask, host)
    except Excluded as excluded:
        return PolicyResponse("excluded", error=excluded.reason)
    except ssl.SSLCertVerificationError as error:
        return PolicyResponse("certificate", error=error.verify_message)
    except ssl.SSLError as error:
        return PolicyResponse("tls", error=(error.reason or str(error)).lower())
    except TimeoutError:
        return PolicyResponse("timeout", error=f"nothing complete within {ask.timeout_s:g} s")
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise StageFailed(
                f"cannot open another connection ({error.strerror or error}); raise the limit (ulimit -n) and run the "
                "same command again"
            ) from error
        return _failed(error)


def _failed(error: OSError) -> PolicyResponse:
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return PolicyResponse("reset", error="connection reset")
    if isinstance(error, ConnectionAbortedError):
        return PolicyResponse("closed", error=str(error))
    known = isinstance(error, ConnectionRefusedError) or error.errno in (
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    )
    words = (error.strerror or str(error) or "refused").lower()
    return PolicyResponse("refused" if known else "closed", error=words)


class _Page(asyncio.Protocol):
    """One connection: TLS, one GET, what comes back."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if is_complete(bytes(self._data)):
            self._end()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self._ended.done() and not self._data:
            self._ended.set_exception(ConnectionResetError(str(exc)))
        self._end()

    async def fetch(self, ask: PolicyAsk, host: str) -> PolicyResponse:
        """Ask and read.

        Raises:
            OSError: the connection or TLS failed.
        """
        loop = asyncio.get_running_loop()
        assert self._transport is not None
        secured = await loop.start_tls(self._transport, self, ask.context, server_hostname=host)
        if secured is None:
            raise ConnectionAbortedError("closed during the handshake")
        try:
            secured.write(
                f"GET {_PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mailcensus ({ask.ehlo_name})\r\n"
                "Accept: text/plain\r\nConnection: close\r\n\r\n".encode()
            )
            await self._ended
        finally:
            secured.close()
        if not self._data:
            raise ConnectionAbortedError("closed without an answer")
        return read_response(bytes(self._data))

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
