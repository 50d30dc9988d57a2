"""The pages: HTML without script, one form a step."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from mailcensus.outreach.site.desk import Desk
from mailcensus.outreach.site.form_tokens import FormTokens
from mailcensus.outreach.site.proofs import Result
from mailcensus.outreach.site.refused import Refused
from mailcensus.outreach.site.store import Action
from mailcensus.outreach.site.whom import Way

_MOST_FIELDS = 8
_STALE = "This form was open for too long, or for another address. Please send it once more."
_SAID = {
    Result.DONE: None,
    Result.NOT_PROVED: "Not proved yet. You can try again, here or in another way.",
    Result.SENT: "If we know whom to write to, a mail is on its way; at most one goes there in a day.",
}


class Pages:
    """Makes the pages of one site."""

    def __init__(self, desk: Desk, tokens: FormTokens) -> None:
        self._desk = desk
        self._tokens = tokens
        self._environment = Environment(
            loader=PackageLoader("mailcensus.outreach.site"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["about"] = desk.about
        loader = self._environment.loader
        assert loader is not None
        self._style = loader.get_source(self._environment, "site.css")[0]

    def routes(self) -> list[Route]:
        """Where the pages are."""
        return [
            Route("/", self._who),
            Route("/opt-out", self._opt_out),
            Route("/opt-out", self._change_own, methods=["POST"]),
            Route("/held", self._held),
            Route("/held", self._held_rows, methods=["POST"]),
            Route("/requests", self._ask, methods=["POST"]),
            Route("/requests/{secret}", self._request),
            Route("/requests/{secret}", self._prove, methods=["POST"]),
            Route("/confirm/{secret}", self._mailed),
            Route("/confirm/{secret}", self._confirm_mailed, methods=["POST"]),
            Route("/site.css", self._css),
            Route("/.well-known/security.txt", self._security_txt),
        ]

    def refused(self, request: Request, refused: Refused) -> Response:
        """A page that says why not."""
        return self._page(
            request,
            "refused.html",
            refused.status,
            refused.headers,
            title="Not done",
            sentence=refused.sentence,
        )

    async def _who(self, request: Request) -> Response:
        since = await asyncio.to_thread(self._desk.since.get)
        return self._page(request, "who.html", title="Who asks, and why", since=since)

    async def _opt_out(self, request: Request) -> Response:
        left_out = await self._desk.is_left_out(client(request))
        return self._page(request, "opt_out.html", title="Opt out", left_out=left_out)

    async def _change_own(self, request: Request) -> Response:
        action = _action((await self._form(request)).get("action"))
        await self._desk.change_own(client(request), action)
        left_out = await self._desk.is_left_out(client(request))
        return self._page(
            request, "changed.html", title="Done", whom=client(request), action=action, left_out=left_out
        )

    async def _held(self, request: Request) -> Response:
        return self._page(request, "held.html", title="What we hold on you", own=None)

    async def _held_rows(self, request: Request) -> Response:
        await self._form(request)
        own = await self._desk.own(client(request))
        return self._page(request, "held.html", title="What we hold on you", own=own)

    async def _ask(self, request: Request) -> Response:
        form = await self._form(request)
        secret = await self._desk.ask(client(request), form.get("whom", ""), _action(form.get("action")))
        return RedirectResponse(f"/requests/{secret}", 303)

    async def _request(self, request: Request) -> Response:
        return await self._request_page(request, None)

    async def _prove(self, request: Request) -> Response:
        form = await self._form(request)
        try:
            way = Way(form.get("way", ""))
        except ValueError:
            raise Refused(422, "There is no such proof.") from None
        result = await self._desk.prove(client(request), _secret(request), way)
        return await self._request_page(request, _SAID[result])

    async def _request_page(self, request: Request, said: str | None) -> Response:
        asked = await self._desk.asked(_secret(request))
        names = asked.whom.dns_names()
        here = asked.whom.holds(client(request))
        return self._page(
            request,
            "request.html",
            title="Prove that it is yours",
            asked=asked,
            names=names,
            here=here,
            said=said,
        )

    async def _mailed(self, request: Request) -> Response:
        whom, action = await self._desk.mailed(_secret(request))
        return self._page(request, "confirm.html", title="Please confirm", whom=whom, action=action)

    async def _confirm_mailed(self, request: Request) -> Response:
        await self._form(request)
        await self._desk.confirm_mailed(client(request), _secret(request))
        whom, action = await self._desk.mailed(_secret(request))
        return self._page(
            request, "changed.html", title="Done", whom=whom.shown, action=action, left_out=None
        )

    async def _css(self, _request: Request) -> Response:
        return Response(self._style, media_type="text/css")

    async def _security_txt(self, _request: Request) -> Response:
        if self._desk.security_txt is None:
            raise Refused(404, "There is no such page.")
        return PlainTextResponse(self._desk.security_txt)

    async def _form(self, request: Request) -> dict[str, str]:
        """The fields of a form that the requester has really seen.

        Raises:
            Refused: it is no form of ours, or not for this address.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused(415, "Please use the form.")
        try:
            text = (await request.body()).decode("utf-8")
            form = dict(parse_qsl(text, max_num_fields=_MOST_FIELDS, errors="strict"))
        except ValueError:
            raise Refused(400, "Please use the form.") from None
        if not self._tokens.holds(form.get("token", ""), client(request)):
            raise Refused(403, _STALE)
        return form

    def _page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **context: object,
    ) -> Response:
        own = client(request)
        text = self._environment.get_template(template).render(
            client=own, token=self._tokens.make(own), **context
        )
        return HTMLResponse(text, status, headers)


def client(request: Request) -> str:
    """The address that a request comes from, as the guard found it."""
    return str(request.scope["mailcensus.client"])


def _secret(request: Request) -> str:
    return str(request.path_params["secret"])


def _action(text: str | None) -> Action:
    try:
        return Action(text or "")
    except ValueError:
        raise Refused(422, "Opt out, or withdraw an opt-out: please choose one.") from None
