"""Asks DNS resolvers, and tells the ways apart in which there may be no answer.

Every question goes to one of the configured resolvers, in turn; a resolver that does not answer or answers SERVFAIL
is followed by the next one. Each is asked at a bounded rate. CNAMEs on the way are followed, as RFC 2317 needs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename

from mailcensus.model import DnsState
from mailcensus.population.address import parse_address
from mailcensus.study import StudyError

_PORT = 53
_TRIES = 3
_REPLY_S = 4.0
_MAX_VALUES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question."""

    state: DnsState
    values: tuple[str, ...] = ()
    """Names (lower case, without the last dot) or addresses, sorted; at most 20."""


@dataclass(slots=True)
class _Server:
    address: str
    port: int
    free_at: float = 0.0
    """When it may be asked again, on the monotonic clock."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever has it is the next to ask."""


class Resolver:
    """Asks some resolvers; one object for all questions of a stage, since it keeps the rate."""

    def __init__(self, resolvers: Sequence[str], queries_per_s: float, reply_s: float = _REPLY_S) -> None:
        """Use the given resolvers, or the system's where none is given.

        Args:
            resolvers: each `address`, `address:port` or `[IPv6 address]:port`.
            queries_per_s: most questions a second to each of them.
            reply_s: how long to wait for each reply.

        Raises:
            StudyError: one of them is no address, or the system has none.
        """
        places = [parse_resolver(text) for text in resolvers] or [
            (text, _PORT) for text in resolvers_of_the_system()
        ]
        self._servers = [_Server(address, port) for address, port in places]
        self._queries_per_s = queries_per_s
        self._pause_s = 1 / queries_per_s
        self._reply_s = reply_s
        self._turn = 0

    @property
    def in_flight(self) -> int:
        """How many questions at once keep all resolvers busy at their rate, even where each answer takes a second."""
        return max(1, min(1_000, round(len(self._servers) / self._pause_s)))

    def keep_to_share(self, share: float) -> None:
        """From now on keep to a share, more than 0, of the rate; other machines have the rest."""
        self._pause_s = 1 / (self._queries_per_s * share)

    async def reverse_names(self, ip: str) -> Answer:
        """The names in the PTR records of an address."""
        return await self._ask(dns.reversename.from_address(ip), dns.rdatatype.PTR)

    async def addresses(self, name: str, version: int) -> Answer:
        """The addresses of a name, of one IP version."""
        kind = dns.rdatatype.A if version == 4 else dns.rdatatype.AAAA
        try:
            return await self._ask(dns.name.from_text(name), kind)
        except dns.exception.DNSException:
            return Answer(DnsState.NXDOMAIN)  # too long for a name of DNS

    async def texts(self, name: str) -> Answer:
        """The TXT records of a name, as master files write them."""
        try:
            return await self._ask(dns.name.from_text(name), dns.rdatatype.TXT)
        except dns.exception.DNSException:
            return Answer(DnsState.NXDOMAIN)  # too long for a name of DNS

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Answer:
        answer = Answer(DnsState.TIMEOUT)
        for _ in range(_TRIES):
            server = self._servers[self._turn % len(self._servers)]
            self._turn += 1
            await self._wait_for(server)
            answer = await self._ask_once(server, name, kind)
            if answer.state not in (DnsState.TIMEOUT, DnsState.SERVFAIL):
                break
        return answer

    async def _wait_for(self, server: _Server) -> None:
        async with server.turn:
            now = time.monotonic()
            begin = max(now, server.free_at)
            if begin > now:
                await asyncio.sleep(begin - now)
            server.free_at = begin + self._pause_s

    async def _ask_once(self, server: _Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Answer:
        question = dns.message.make_query(name, kind)
        try:
            reply, _ = await dns.asyncquery.udp_with_fallback(
                question,
                server.address,
                self._reply_s,
                server.port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except (dns.exception.Timeout, OSError, EOFError):
            return Answer(DnsState.TIMEOUT)
        except dns.exception.DNSException:
            return Answer(DnsState.SERVFAIL)
        return _read(reply)


def _read(reply: dns.message.Message) -> Answer:
    if reply.rcode() == dns.rcode.NXDOMAIN:
        return Answer(DnsState.NXDOMAIN)
    if reply.rcode() != dns.rcode.NOERROR or not isinstance(reply, dns.message.QueryMessage):
        return Answer(DnsState.SERVFAIL)
    try:
        found = reply.resolve_chaining().answer
    except dns.exception.DNSException:  # CNAMEs in a circle
        return Answer(DnsState.SERVFAIL)
    if found is None:
        return Answer(DnsState.NODATA)
    values = {data.to_text().rstrip(".").lower() or "." for data in found}
    return Answer(DnsState.OK, tuple(sorted(values)[:_MAX_VALUES]))


def parse_resolver(text: str) -> tuple[str, int]:
    """Address and port of a resolver.

    Raises:
        StudyError: it is none.
    """
    address, port = text, str(_PORT)
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":") or str(_PORT)
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    try:
        parse_address(address)
        if not 0 < int(port) < 65_536:
            raise ValueError
    except ValueError:
        raise StudyError(
            f"resolver {text!a}: not an address, address:port or [IPv6 address]:port; mend facts.resolvers"
        ) from None
    return address, int(port)


def resolvers_of_the_system() -> list[str]:
    """Addresses of the resolvers in /etc/resolv.conf.

    Raises:
        StudyError: it names none.
    """
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except (dns.exception.DNSException, OSError):
        raise StudyError("this machine has no resolvers in /etc/resolv.conf; set facts.resolvers") from None
