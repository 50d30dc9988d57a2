"""Everything the site does for a client, whether it came by a page or by JSON: with its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcensus.outreach.site.about import About, Since
from mailcensus.outreach.site.held import Held, held_on
from mailcensus.outreach.site.left_out import LeftOut
from mailcensus.outreach.site.limits import Limiter, Limits
from mailcensus.outreach.site.proofs import Asked, Proofs, Result
from mailcensus.outreach.site.refused import Refused
from mailcensus.outreach.site.register import Register
from mailcensus.outreach.site.store import Action, TooManyRequests
from mailcensus.outreach.site.whom import Way, Whom, parse_whom

_ALL = "all"
_LOOKUPS_WAIT_S = 5.0
_GONE = "This link does not work, or not any more. Please begin again."


@dataclass(frozen=True, slots=True)
class Own:
    """What there is about the requester's own address."""

    address: str
    left_out: bool
    held: list[Held]


class Desk:
    """Does what clients ask for. A client is the address it comes from."""

    def __init__(
        self,
        *,
        about: About,
        since: Since,
        register: Register,
        proofs: Proofs,
        left_out: LeftOut,
        data: Path,
        limits: Limits,
        security_txt: str | None = None,
    ) -> None:
        self.about = about
        self.since = since
        self.register = register
        self.security_txt = security_txt
        self._proofs = proofs
        self._left_out = left_out
        self._data = data
        self._pages = Limiter(limits.pages)
        self._changes = Limiter(limits.changes)
        self._lookups = Limiter(limits.lookups)
        self._requests = Limiter(limits.requests)
        self._all_requests = Limiter(limits.all_requests)
        self._all_checks = Limiter(limits.all_checks)
        self._reading = asyncio.Semaphore(1)

    def may_ask(self, client: str) -> None:
        """Count one request of any kind.

        Raises:
            Refused: too many (429), as of all methods here.
        """
        _take(self._pages, client)

    async def change_own(self, client: str, action: Action) -> None:
        """Opt the requester's address out, or in again."""
        _take(self._changes, client)
        whom = Whom.of_address(client)
        await asyncio.to_thread(self.register.apply, action, whom.name, Way.OWN)

    async def is_left_out(self, client: str) -> bool:
        """Whether the requester's address is left out."""
        return await asyncio.to_thread(self._left_out.holds, client)

    async def own(self, client: str) -> Own:
        """Everything held on the requester's address. One is looked up at a time."""
        _take(self._lookups, client)
        try:
            async with asyncio.timeout(_LOOKUPS_WAIT_S):
                await self._reading.acquire()
        except TimeoutError:
            raise Refused(503, "Others are looking things up right now. Please try again.", 10) from None
        try:
            held = await asyncio.to_thread(held_on, self._data, client)
        finally:
            self._reading.release()
        return Own(client, await self.is_left_out(client), held)

    async def ask(self, client: str, text: str, action: Action) -> str:
        """Take a request about a range or a domain; its secret."""
        try:
            whom = parse_whom(text)
        except ValueError as error:
            raise Refused(422, f"Whom do you mean? {str(error).capitalize()}.") from None
        _take(self._requests, client)
        _take(self._all_requests, _ALL)
        try:
            return await self._proofs.ask(whom, action)
        except TooManyRequests:
            raise Refused(503, "Too many requests are open. Please write to us instead.", 3_600) from None

    async def asked(self, secret: str) -> Asked:
        """A request, for whoever knows its secret."""
        asked = await self._proofs.asked(secret)
        if asked is None:
            raise Refused(404, _GONE)
        return asked

    async def prove(self, client: str, secret: str, way: Way) -> Result:
        """Try to prove a request."""
        _take(self._changes, client)
        if way is Way.DNS:
            _take(self._all_checks, _ALL)
        result = await self._proofs.prove(secret, way, client)
        if result is Result.UNKNOWN:
            raise Refused(404, _GONE)
        if result is Result.NOT_OFFERED:
            raise Refused(409, "This request cannot be proved in that way.")
        return result

    async def mailed(self, mail_secret: str) -> tuple[Whom, Action]:
        """What the link in a mail is about."""
        request = await self._proofs.mailed(mail_secret)
        if request is None:
            raise Refused(404, _GONE)
        return parse_whom(request.whom), request.action

    async def confirm_mailed(self, client: str, mail_secret: str) -> None:
        """Do what the mail asked about."""
        _take(self._changes, client)
        if await self._proofs.confirm_mailed(mail_secret) is Result.UNKNOWN:
            raise Refused(404, _GONE)

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._proofs.close()


def held_rows(held: Sequence[Held]) -> int:
    """How many rows there are."""
    return sum(len(each.rows) for each in held)


def _take(limiter: Limiter, client: str) -> None:
    wait_s = limiter.wait_s(client)
    if wait_s:
        raise Refused(429, "Too many requests. Please wait a little.", wait_s)
