"""The site as one ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from mailcensus.outreach.site.api import api_routes
from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.form_tokens import FormTokens
from mailcensus.outreach.site.guard import Guard, refusal
from mailcensus.outreach.site.pages import Pages
from mailcensus.outreach.site.refused import Refused
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import StageFailed

_LOG = logging.getLogger(__name__)
_FOLLOW_S = 1.0
"""How often other processes' opt-outs are looked for, as a scan looks at its exclusion files."""
_SENTENCES = {404: "There is no such page.", 405: "This page takes no such requests."}
_BROKEN = "Something is out of order here. Please try again in a minute, or write to us."


def site_app(desk: Desk, *, proxies: PrefixSet, hosts: Collection[str], https: bool) -> ASGIApp:
    """The application.

    Args:
        proxies: whose X-Forwarded-For is believed.
        hosts: names and addresses of the site, lower case.
        https: the world reaches it by HTTPS.
    """
    pages = Pages(desk, FormTokens())

    def refuse(request: Request, error: Exception) -> Response:
        refused = error if isinstance(error, Refused) else _as_refused(error)
        if request.url.path.startswith("/api/"):
            return refusal(request.url.path, refused)
        return pages.refused(request, refused)

    app = Starlette(
        routes=[*pages.routes(), *api_routes(desk)],
        exception_handlers=dict.fromkeys((Refused, HTTPException, SQLAlchemyError, StageFailed), refuse),
        lifespan=_lifespan(desk),
    )
    app.router.redirect_slashes = False
    return Guard(app, desk=desk, proxies=proxies, hosts=hosts, https=https)


def _as_refused(error: Exception) -> Refused:
    if isinstance(error, HTTPException):
        return Refused(error.status_code, _SENTENCES.get(error.status_code, "Not possible."))
    _LOG.error("%s", error if isinstance(error, StageFailed) else f"database: {type(error).__name__}")
    return Refused(503, _BROKEN, 60)


def _lifespan(desk: Desk) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(desk))
        try:
            yield
        finally:
            following.cancel()
            await desk.close()

    return running


async def _follow(desk: Desk) -> None:
    while True:
        await asyncio.sleep(_FOLLOW_S)
        await asyncio.to_thread(desk.register.follow_or_complain)
