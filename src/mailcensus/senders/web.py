"""The HTTPS server of an experiment: MTA-STS policies (RFC 8461 section 3.3), and TLS reports by POST (RFC 8460)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcensus.model import PolicyFetch
from mailcensus.senders.house import House
from mailcensus.senders.tls_reports import REPORT_BYTES, read_report
from mailcensus.senders.zone import policy_text
from mailcensus.wire.exchange import printable

_HEAD_BYTES = 8_192
_REQUEST_S = 30.0
_CONNECTIONS = 100
_LETTERS = 300
POLICY_PATH = "/.well-known/mta-sts.txt"
REPORT_PATH = "/tlsrpt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, as far as it is read."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""


class Web:
    """Answers requests; each becomes a row of `policy_fetches`."""

    def __init__(self, house: House, certificate: Path, keep: Callable[[PolicyFetch], None]) -> None:
        """Make one.

        Args:
            certificate: PEM file with key and chain.
            keep: takes the rows.
        """
        self._house, self._keep = house, keep
        self._policies = {
            house.plan.policy_host(each.name): (each.name, policy_text(house.plan, each).encode())
            for each in house.plan.conditions
            if each.sts is not None
        }
        self._open = 0
        self._names: dict[int, str] = {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = self._note_name

    def _note_name(self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None and len(self._names) < 10 * _CONNECTIONS:
            self._names[id(tls)] = name.lower()[:_LETTERS]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._open += 1
        try:
            if self._open <= _CONNECTIONS:
                async with asyncio.timeout(_REQUEST_S):
                    await self._answer(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            pass  # no whole request: nothing was asked
        finally:
            self._open -= 1
            self._names.pop(id(writer.get_extra_info("ssl_object")), None)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_REQUEST_S):
                    await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        name = self._names.get(id(tls))
        request = parse_head(await reader.readuntil(b"\r\n\r\n"))
        host = name or request.headers.get("host", "").partition(":")[0].lower()
        condition, policy = self._policies.get(host, (None, b""))
        client_ip = str(writer.get_extra_info("peername")[0])
        if request.method == "POST" and request.path == REPORT_PATH:
            status, body = await self._take_report(request, reader, client_ip), b""
        elif request.method in ("GET", "HEAD") and request.path == POLICY_PATH and policy:
            status, body = 200, policy
        else:
            status, body = 404, b""
        self._keep(
            PolicyFetch(
                run_id=self._house.plan.run_id,
                asked_at=datetime.now(UTC),
                client_ip=client_ip,
                server_name=name,
                condition=condition,
                method=request.method[:_LETTERS],
                path=request.path[:_LETTERS],
                user_agent=request.headers.get("user-agent", "")[:_LETTERS] or None,
                tls_version=tls.version(),
                status=status,
            )
        )
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: text/plain\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + (b"" if request.method == "HEAD" else body))
        await writer.drain()

    async def _take_report(self, request: Request, reader: asyncio.StreamReader, client_ip: str) -> int:
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 9:
            return 411
        if int(length) > REPORT_BYTES:
            return 413
        raw = await reader.readexactly(int(length))
        arrival = self._house.arrival("https", client_ip)
        self._house.keep_report(read_report(raw, arrival, self._house.condition_of))
        return 201


_REASONS = {200: "OK", 201: "Created", 404: "Not Found", 411: "Length Required", 413: "Content Too Large"}


def parse_head(raw: bytes) -> Request:
    """The head of a request, RFC 9112 section 2.

    Raises:
        ValueError: it is none, or too long.
    """
    if len(raw) > _HEAD_BYTES:
        raise ValueError("the head of the request is too long")
    first, *lines = printable(raw).replace("\r", "").split("\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ValueError("not a request of HTTP/1")
    pairs = (line.partition(":") for line in lines if ":" in line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(method=words[0], path=words[1].partition("?")[0], headers=headers)
