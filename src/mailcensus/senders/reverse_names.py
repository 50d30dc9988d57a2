"""Reverse names of senders, looked up while they are connected."""

from __future__ import annotations

import asyncio

import dns.asyncresolver
import dns.exception
import dns.reversename

_LIFETIME_S = 5.0
_REMEMBERED = 10_000


class ReverseNames:
    """Asks the system's resolvers. Not asking is possible, too."""

    def __init__(self, *, ask: bool) -> None:
        self._resolver = dns.asyncresolver.Resolver() if ask else None
        self._known: dict[str, asyncio.Task[str | None]] = {}

    def look_up(self, ip: str) -> asyncio.Task[str | None]:
        """The first name of an address, lower case; None: it has none, or nobody answered in time."""
        if ip not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[ip] = asyncio.get_running_loop().create_task(self._ask(ip))
        return self._known[ip]

    async def _ask(self, ip: str) -> str | None:
        if self._resolver is None:
            return None
        try:
            name = dns.reversename.from_address(ip)
            answer = await self._resolver.resolve(name, "PTR", lifetime=_LIFETIME_S)
        except (dns.exception.DNSException, OSError):
            return None
        return min((str(record.target).rstrip(".").lower()[:255] for record in answer), default=None)
