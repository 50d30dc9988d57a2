"""Requests about ranges and domains, and the three ways to prove that they are their owner's.

Whatever is asked for, the answer is the same, and as quick: whether we know anything about somebody, have a contact, or
have left them out already, shows nowhere. Mails go out later, beside everything else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from mailcensus.outreach.site.mail import Post, postmasters
from mailcensus.outreach.site.register import Register
from mailcensus.outreach.site.store import Action, Request
from mailcensus.outreach.site.whom import Way, Whom, dns_value, parse_whom
from mailcensus.probe.resolver import Resolver

_LOG = logging.getLogger(__name__)
_SECRET_BYTES = 24
_DNS_S = 20.0
_CHECKS_AT_ONCE = 4
_MAILS_WAITING = 100
_MAIL_AGAIN = timedelta(days=1)


class Result(Enum):
    """What came of a try to prove a request."""

    DONE = "done"
    NOT_PROVED = "not_proved"
    SENT = "sent"
    """A mail goes out, if there is somebody to write to."""
    UNKNOWN = "unknown"
    """No such request, or it is too old."""
    NOT_OFFERED = "not_offered"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as whoever has its secret may see it."""

    whom: Whom
    request: Request
    ways: tuple[Way, ...]
    """Those that can prove it; they follow from what is asked for alone."""
    dns_value: str


class Proofs:
    """Takes requests and proofs."""

    def __init__(
        self,
        register: Register,
        resolver: Resolver | None,
        post: Post | None,
        contacts_of: Callable[[Whom], Sequence[str]],
        base: str,
    ) -> None:
        """
        Args:
            resolver: looks up TXT records; None: there is none, and that way is not offered.
            post: sends mails; None: that way is not offered.
            contacts_of: abuse contacts that are known of a range.
            base: URL of the site, without a slash at the end.
        """
        self._register = register
        self._resolver = resolver
        self._post = post
        self._contacts_of = contacts_of
        self._base = base
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._mails: set[asyncio.Task[None]] = set()

    async def ask(self, whom: Whom, action: Action) -> str:
        """Take a request; its secret, which is the way to everything else about it.

        Raises:
            TooManyRequests: so many are open.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await asyncio.to_thread(self._register.store.ask, secret, whom.name, action)
        return secret

    async def asked(self, secret: str) -> Asked | None:
        """The request of a secret."""
        request = await asyncio.to_thread(self._register.store.request, secret)
        if request is None:
            return None
        whom = _whom(request)
        return Asked(whom, request, tuple(way for way in Way if self._offers(way, whom)), dns_value(secret))

    async def prove(self, secret: str, way: Way, client: str) -> Result:
        """Try to prove a request. Proved once, it is done for good."""
        asked = await self.asked(secret)
        if asked is None:
            return Result.UNKNOWN
        if asked.request.done_at is not None:
            return Result.DONE
        if way not in asked.ways:
            return Result.NOT_OFFERED
        if way is Way.MAIL:
            self._mail_later(secret, asked)
            return Result.SENT
        if not (asked.whom.holds(client) if way is Way.ADDRESS else await self._in_dns(asked)):
            return Result.NOT_PROVED
        action, name = asked.request.action, asked.whom.name
        await asyncio.to_thread(self._register.apply, action, name, way, secret)
        return Result.DONE

    async def mailed(self, mail_secret: str) -> Request | None:
        """The request that a mail is about."""
        return await asyncio.to_thread(self._register.store.mailed_request, mail_secret)

    async def confirm_mailed(self, mail_secret: str) -> Result:
        """What the button behind the link in a mail does."""
        request = await self.mailed(mail_secret)
        if request is None:
            return Result.UNKNOWN
        if request.done_at is None:
            await asyncio.to_thread(self._register.apply_mailed, mail_secret, request)
        return Result.DONE

    async def close(self) -> None:
        """Wait for mails under way."""
        await asyncio.gather(*self._mails)

    def _offers(self, way: Way, whom: Whom) -> bool:
        match way:
            case Way.ADDRESS:
                return whom.by_address
            case Way.DNS:
                return self._resolver is not None
            case Way.MAIL:
                return self._post is not None
        return False

    async def _in_dns(self, asked: Asked) -> bool:
        """Whether every name that makes up a range, or the one of a domain, has the record."""
        assert self._resolver is not None
        wanted = f'"{asked.dns_value}"'
        with suppress(TimeoutError):
            async with asyncio.timeout(_DNS_S), self._checks:
                for name in asked.whom.dns_names():
                    if wanted not in (await self._resolver.texts(name)).values:
                        return False
                return True
        return False

    def _mail_later(self, secret: str, asked: Asked) -> None:
        if len(self._mails) < _MAILS_WAITING:
            task = asyncio.create_task(asyncio.to_thread(self._mail, secret, asked))
            self._mails.add(task)
            task.add_done_callback(self._mails.discard)

    def _mail(self, secret: str, asked: Asked) -> None:
        assert self._post is not None
        to = postmasters(asked.whom) or tuple(self._contacts_of(asked.whom))
        mail_secret = secrets.token_urlsafe(_SECRET_BYTES)
        store = self._register.store
        name, action = asked.whom.name, asked.request.action
        if not to or not store.may_mail(secret, mail_secret, name, action, _MAIL_AGAIN):
            return
        link = f"{self._base}/confirm/{mail_secret}"
        message = self._post.message(to, asked.whom, asked.request.action, link, f"{self._base}/")
        try:
            self._post.send(message)
        except OSError as error:
            _LOG.error("a mail was not taken by site.smtp: %s", type(error).__name__)


def _whom(request: Request) -> Whom:
    return parse_whom(request.whom)
