"""The same as the pages, for programs: JSON in, JSON out, described at /api/openapi.json."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.openapi import description
from mailcensus.outreach.site.pages import client
from mailcensus.outreach.site.proofs import Asked
from mailcensus.outreach.site.refused import Refused
from mailcensus.outreach.site.store import REQUEST_LIVES, Action
from mailcensus.outreach.site.whom import Way

_Handler = Callable[[Desk, Request], Awaitable[Response]]


def api_routes(desk: Desk) -> list[Route]:
    """Where the JSON is."""
    routes: tuple[tuple[str, str, _Handler], ...] = (
        ("GET", "/api/about", _about),
        ("GET", "/api/own", _own),
        ("PUT", "/api/own/opt-out", _opt_out),
        ("DELETE", "/api/own/opt-out", _withdraw),
        ("POST", "/api/requests", _ask),
        ("GET", "/api/requests/{secret}", _request),
        ("POST", "/api/requests/{secret}", _prove),
        ("GET", "/api/openapi.json", _openapi),
    )
    return [Route(path, _bound(handler, desk), methods=[method]) for method, path, handler in routes]


def _bound(handler: _Handler, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(desk, request)

    return endpoint


async def _about(desk: Desk, _request: Request) -> Response:
    about, since = desk.about, await asyncio.to_thread(desk.since.get)
    return JSONResponse(
        {
            "study": about.study,
            "operator": about.operator,
            "contact": about.contact,
            "purpose": about.purpose,
            "scanner": about.scanner,
            "addresses": about.addresses,
            "ports": about.ports,
            "services": about.services,
            "since": since.isoformat() if since else None,
        }
    )


async def _own(desk: Desk, request: Request) -> Response:
    own = await desk.own(client(request))
    return JSONResponse(
        {
            "address": own.address,
            "left_out": own.left_out,
            "held": {each.table: each.rows for each in own.held},
        }
    )


async def _opt_out(desk: Desk, request: Request) -> Response:
    return await _change(desk, request, Action.OPT_OUT)


async def _withdraw(desk: Desk, request: Request) -> Response:
    return await _change(desk, request, Action.WITHDRAW)


async def _change(desk: Desk, request: Request, action: Action) -> Response:
    await desk.change_own(client(request), action)
    left_out = await desk.is_left_out(client(request))
    return JSONResponse({"address": client(request), "left_out": left_out})


async def _ask(desk: Desk, request: Request) -> Response:
    told = await _told(request, {"whom", "action"})
    try:
        action = Action(told["action"])
    except ValueError:
        raise Refused(422, "action: opt_out or withdraw.") from None
    secret = await desk.ask(client(request), told["whom"], action)
    shown = _shown(secret, await desk.asked(secret))
    return JSONResponse(shown, 201, {"Location": f"/api/requests/{secret}"})


async def _request(desk: Desk, request: Request) -> Response:
    secret = str(request.path_params["secret"])
    return JSONResponse(_shown(secret, await desk.asked(secret)))


async def _prove(desk: Desk, request: Request) -> Response:
    secret = str(request.path_params["secret"])
    told = await _told(request, {"way"})
    try:
        way = Way(told["way"])
    except ValueError:
        raise Refused(422, "way: address, dns or mail.") from None
    result = await desk.prove(client(request), secret, way)
    return JSONResponse({**_shown(secret, await desk.asked(secret)), "result": result.value})


async def _openapi(_desk: Desk, _request: Request) -> Response:
    return JSONResponse(description())


def _shown(secret: str, asked: Asked) -> dict[str, object]:
    return {
        "secret": secret,
        "whom": asked.whom.name,
        "action": asked.request.action.value,
        "done": asked.request.done_at is not None,
        "expires_at": f"{(asked.request.created_at + REQUEST_LIVES).isoformat()}Z",
        "ways": [way.value for way in asked.ways],
        "dns": {"names": asked.whom.dns_names(), "txt": asked.dns_value},
    }


async def _told(request: Request, fields: set[str]) -> dict[str, str]:
    """The JSON object of a request: exactly these fields, all of them text.

    Raises:
        Refused: it is another. Its type must be said: a foreign page cannot send that without asking us first.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "Send application/json.")
    try:
        told = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refused(400, "Not JSON.") from None
    if not isinstance(told, dict) or told.keys() != fields:
        raise Refused(422, f"Send an object with {' and '.join(sorted(fields))}.")
    if not all(isinstance(value, str) for value in told.values()):
        raise Refused(422, "All values are text.")
    return told
