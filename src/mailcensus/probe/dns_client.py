"""Asks resolvers about many names at once, and tells apart all the ways in which there may be no answer.

Questions go to the configured resolvers in turn, over a few UDP sockets of our own to each (their ports are random,
drawn by the kernel) with EDNS, so that resolvers may say why they fail (RFC 8914). Each resolver is asked at a bounded
rate, and so is each authority behind it (`dns_rates`). A truncated answer is fetched by TCP. Who does not answer, fails
or refuses is followed by the next resolver. A SERVFAIL without a reason is asked once more without validation (the CD
bit): has it an answer then, it was bogus.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from mailcensus.model import AnswerState, DnsAnswer
from mailcensus.probe.dns_channel import Channel, Unreachable
from mailcensus.probe.dns_rates import Pace, authority_of
from mailcensus.probe.dns_reading import Reading, is_truncated, read_answer
from mailcensus.probe.dns_tcp import ask_by_tcp
from mailcensus.probe.resolver import parse_resolver, resolvers_of_the_system
from mailcensus.study import StageFailed
from mailcensus.study.sections import DnsSection

_SOCKETS = 4
_RD, _AD, _CD = 0x0100, 0x0020, 0x0010
_IN, _OPT = 1, 41
_LONGEST_NAME = 255
_PAYLOAD_BYTES = 1_232
"""Fits into every packet (DNS flag day 2020)."""
_AGAIN = frozenset(
    {
        AnswerState.TIMEOUT,
        AnswerState.UNREACHABLE,
        AnswerState.SERVFAIL,
        AnswerState.LAME,
        AnswerState.REFUSED,
        AnswerState.MALFORMED,
        AnswerState.ERROR,
        AnswerState.TRUNCATED,
    }
)
"""Where the next resolver may know more."""


@dataclass(slots=True)
class _Server:
    address: str
    port: int
    name: str
    open: asyncio.Semaphore
    """As many places as it may have questions to answer: more than its socket holds would be lost."""
    channels: list[Channel] = field(default_factory=list)
    turn: int = 0
    validates: bool | None = None
    """Whether it sets the AD bit; None: it has not said."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What one attempt brought."""

    reading: Reading
    transport: str


class DnsClient:
    """Asks; one object for all questions of a stage. Use as an async context manager."""

    def __init__(self, settings: DnsSection, run_id: str) -> None:
        """Prepare.

        Raises:
            StudyError: a resolver is no address, or the system has none.
        """
        places = [parse_resolver(text) for text in settings.resolvers] or [
            (address, 53) for address in resolvers_of_the_system()
        ]
        self._servers = [
            _Server(address, port, _name(address, port), asyncio.Semaphore(settings.in_flight))
            for address, port in places
        ]
        self._settings = settings
        self._run_id = run_id
        self._of_resolver = Pace(settings.queries_per_s)
        self._of_authority = Pace(settings.authority_queries_per_s)
        self._turn = 0
        self._stopped = False
        self.sent = 0
        """Questions sent, by UDP and TCP."""

    @property
    def resolvers(self) -> Sequence[str]:
        """Who is asked."""
        return [server.name for server in self._servers]

    async def __aenter__(self) -> DnsClient:
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for _ in range(_SOCKETS):
                try:
                    _, channel = await loop.create_datagram_endpoint(
                        Channel, remote_addr=(server.address, server.port)
                    )
                except OSError as error:
                    raise StageFailed(f"resolver {server.name}: {error.strerror or error}") from error
                server.channels.append(channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for server in self._servers:
            for channel in server.channels:
                channel.close()
            server.channels.clear()

    async def learn_who_validates(self, signed_name: str) -> None:
        """Ask each resolver for the SOA of a signed name: who answers without the AD bit does not validate.

        Until then, and where no answer comes, nobody is taken to validate.
        """
        wire = _query(signed_name, "SOA")
        for server in self._servers:
            for _ in range(self._settings.tries):
                told = await self._attempt(server, wire)
                if told.reading.state is AnswerState.ANSWER:
                    server.validates = told.reading.authenticated
                    break

    @property
    def validating(self) -> Sequence[str]:
        """Resolvers that are known to validate."""
        return [server.name for server in self._servers if server.validates]

    def stop(self) -> None:
        """Send nothing more: who waits for a turn is cancelled when it comes."""
        self._stopped = True

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        """One question, with all its tries. Whatever comes of it is the answer's state.

        Args:
            name: lower case, without its last dot.
            kind: MX, A, TXT, ...
        """
        asked_at = datetime.now(UTC)
        try:
            wire = _query(name, kind)
        except (dns.exception.DNSException, ValueError):  # a name that DNS cannot hold
            return DnsAnswer(
                run_id=self._run_id, name=name, type=kind, state=AnswerState.NXDOMAIN, attempts=0, asked_at=asked_at
            )  # fmt: skip
        authority = authority_of(name)
        attempts, asking_s = 0, 0.0
        while True:
            server = self._next_server()
            await self._of_authority.wait(authority)
            attempts += 1
            told, took_s = await self._timed(server, wire)
            asking_s += took_s
            if told.reading.state not in _AGAIN or attempts >= self._settings.tries:
                break
        if told.reading.state is AnswerState.SERVFAIL:
            attempts += 1
            told = await self._without_validation(server, name, kind, told)
        return self._row(name, kind, asked_at, server, told, attempts, asking_s * 1000)

    async def carry(self, name: str, kind: str) -> dns.message.Message | None:
        """An answer with its signatures, validated by nobody (DO and CD bits); None: none came that can be read.

        Args:
            name: absolute, as master files write it.
            kind: MX, DS, DNSKEY, ...
        """
        message = dns.message.make_query(name, kind, want_dnssec=True, payload=_PAYLOAD_BYTES)
        message.flags |= dns.flags.CD
        wire = message.to_wire()
        for _ in range(self._settings.tries):
            server = self._next_server()
            await self._of_authority.wait(authority_of(name.lower().rstrip(".")))
            async with server.open:
                await self._of_resolver.wait(server.name)
                answer, _, _ = await self._message(server, wire)
            if answer is not None:
                try:
                    found = dns.message.from_wire(answer)
                except (dns.exception.DNSException, ValueError, IndexError):
                    continue
                if found.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    return found
        return None

    def _next_server(self) -> _Server:
        self._turn += 1
        return self._servers[self._turn % len(self._servers)]

    async def _timed(self, server: _Server, wire: bytes) -> tuple[_Told, float]:
        async with server.open:
            await self._of_resolver.wait(server.name)
            if self._stopped:
                raise asyncio.CancelledError
            began = time.perf_counter()
            told = await self._attempt(server, wire)
            return told, time.perf_counter() - began

    async def _attempt(self, server: _Server, wire: bytes) -> _Told:
        """Ask once, and read what comes."""
        answer, transport, failure = await self._message(server, wire)
        if failure is AnswerState.TRUNCATED and answer is not None:
            return _Told(replace(read_answer(answer), state=failure, rdata=()), transport)
        if answer is None:
            return _Told(Reading(failure or AnswerState.TIMEOUT), transport)
        return _Told(read_answer(answer), transport)

    async def _message(self, server: _Server, wire: bytes) -> tuple[bytes | None, str, AnswerState | None]:
        """Ask once by UDP, and by TCP where the answer does not fit: the message, by which way, what went wrong."""
        server.turn += 1
        self.sent += 1
        channel = server.channels[server.turn % len(server.channels)]
        try:
            answer = await channel.ask(wire, self._settings.timeout_s)
        except TimeoutError:
            return None, "udp", AnswerState.TIMEOUT
        except Unreachable:
            return None, "udp", AnswerState.UNREACHABLE
        if not is_truncated(answer):
            return answer, "udp", None
        await self._of_resolver.wait(server.name)
        self.sent += 1
        whole = await ask_by_tcp(server.address, server.port, wire, self._settings.timeout_s)
        return (answer, "udp", AnswerState.TRUNCATED) if whole is None else (whole, "tcp", None)

    async def _without_validation(self, server: _Server, name: str, kind: str, told: _Told) -> _Told:
        """Whether it was validation that failed; what else the resolver said stays."""
        again, _ = await self._timed(server, _query(name, kind, checking_disabled=True))
        if again.reading.state.is_known:
            return _Told(replace(told.reading, state=AnswerState.BOGUS), told.transport)
        return told

    def _row(
        self,
        name: str,
        kind: str,
        asked_at: datetime,
        server: _Server,
        told: _Told,
        attempts: int,
        duration_ms: float,
    ) -> DnsAnswer:
        reading = told.reading
        came = reading.rcode is not None
        return DnsAnswer(
            run_id=self._run_id,
            name=name,
            type=kind,
            state=reading.state,
            rcode=reading.rcode,
            canonical_name=reading.canonical_name,
            rdata=reading.rdata,
            ttl_s=reading.ttl_s,
            authenticated=reading.authenticated if came and server.validates else None,
            ede=reading.ede,
            ede_text=reading.ede_text,
            resolver=server.name,
            transport=told.transport if came else None,
            attempts=attempts,
            asked_at=asked_at,
            duration_ms=duration_ms,
        )


def _query(name: str, kind: str, *, checking_disabled: bool = False) -> bytes:
    """A query with EDNS and the AD bit, which asks to be told of validation (RFC 6840 section 5.7).

    Its number is zero; who sends it draws one.

    Raises:
        ValueError: DNS cannot hold the name.
        dns.exception.DNSException: no such type.
    """
    flags = _RD | _AD | (_CD if checking_disabled else 0)
    header = struct.pack("!HHHHHH", 0, flags, 1, 0, 0, 1)
    question = _wire_name(name) + struct.pack("!HH", dns.rdatatype.from_text(kind), _IN)
    return header + question + struct.pack("!BHHIH", 0, _OPT, _PAYLOAD_BYTES, 0, 0)


def _wire_name(name: str) -> bytes:
    labels = name.encode("ascii").split(b".") if name != "." else []
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError("an empty label, or one of more than 63 characters")
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    if len(wire) > _LONGEST_NAME:
        raise ValueError("a name of more than 255 bytes")
    return wire


def _name(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
