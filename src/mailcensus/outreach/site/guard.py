"""What every request passes first, and every answer last: limits, origin, headers, a log without persons."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from http import HTTPMethod
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailcensus.outreach.site.client import BadForwarding, client_of
from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.refused import Refused
from mailcensus.population.prefixes import PrefixSet

_LOG = logging.getLogger(__name__)
MOST_BODY_BYTES = 4_096
_BODY_S = 5.0
_SAFE = ("GET", "HEAD")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_STRICT_TRANSPORT = "max-age=31536000"


class Guard:
    """ASGI middleware around the whole site."""

    def __init__(
        self, app: ASGIApp, *, desk: Desk, proxies: PrefixSet, hosts: Collection[str], https: bool
    ) -> None:
        """
        Args:
            hosts: names and addresses by which the site is known, lower case. Others are refused, so that no
                foreign name that is made to lead here (DNS rebinding) gets to read anything.
            https: the world reaches the site by HTTPS.
        """
        self._app = app
        self._desk = desk
        self._proxies = proxies
        self._hosts = frozenset(hosts)
        self._headers = _HEADERS | ({"Strict-Transport-Security": _STRICT_TRANSPORT} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        try:
            body = await self._admit(scope, receive)
        except Refused as refused:
            await refusal(scope["path"], refused)(scope, receive, send_with_headers)
        else:
            await self._app(scope, _once(body, receive), send_with_headers)
        # Neither address nor path: the path may hold a secret.
        took_ms = (time.monotonic() - began) * 1_000
        _LOG.info("%s %s %d %.0f ms", _method(scope), _route(scope), status, took_ms)

    async def _admit(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request that may go on.

        Raises:
            Refused: it may not.
        """
        headers = Headers(scope=scope)
        scope["mailcensus.client"] = client = self._client(scope, headers)
        self._desk.may_ask(client)
        host = headers.get("host", "")
        if _hostname(f"//{host}") not in self._hosts:
            raise Refused(400, "This site has another name.")
        if scope["method"] not in _SAFE:
            _not_from_elsewhere(headers, host)
        return await _body(headers, receive)

    def _client(self, scope: Scope, headers: Headers) -> str:
        peer = scope["client"]
        try:
            return client_of(peer[0] if peer else "", headers.getlist("x-forwarded-for"), self._proxies)
        except (BadForwarding, ValueError):
            raise Refused(400, "Where this request comes from cannot be told.") from None


def refusal(path: str, refused: Refused) -> Response:
    """A refusal where no page can be made of it."""
    if path.startswith("/api/"):
        return JSONResponse({"error": refused.sentence}, refused.status, refused.headers)
    return PlainTextResponse(f"{refused.sentence}\n", refused.status, refused.headers)


def _not_from_elsewhere(headers: Headers, host: str) -> None:
    """Browsers say where a form was; other programs say nothing, and are no victims."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise Refused(403, "This form was on another site.")
    if origin is not None and _netloc(origin) != host.lower():
        raise Refused(403, "This form was on another site.")


def _netloc(url: str) -> str:
    """Host and port of a URL, lower case; nothing where it has none."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _body(headers: Headers, receive: Receive) -> bytes:
    told = headers.get("content-length", "0")
    if not (told.isascii() and told.isdigit()) or len(told) > 9 or int(told) > MOST_BODY_BYTES:
        raise Refused(413, "Too long.")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "Cut off.")
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise Refused(413, "Too long.")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, "Too slow.") from None


def _once(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever comes."""
    given = False

    async def receive_body() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body


def _route(scope: Scope) -> str:
    """The pattern that a path matched."""
    route = scope.get("route")
    return getattr(route, "path", "-")


def _method(scope: Scope) -> str:
    """The method, if it is one that there is: others could say anything."""
    method = str(scope["method"])
    return method if method in set(HTTPMethod) else "-"
