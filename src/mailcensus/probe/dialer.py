"""The one door out: every connection to a target, of every stage, passes here.

Nothing else in the package may open a connection to a target (a test reads the sources for it). Here the address
waits for its turn, and right before the connect it is checked once more against the exclusions, which may have
grown while it waited.

    async with dialer.admit(ip) as turn:                # waits; one connection at a time per address
        protocol = await turn.dial(port, timeout_s, Protocol)
        await protocol.done                             # the caller closes, and waits for connection_lost

Leaving the block gives the place back, whatever happened in it, and closes what the caller left open; so a place
cannot leak. Wait for the end of the connection inside the block: the peer counts it as open until then.
"""

from __future__ import annotations

import asyncio
import errno
import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from mailcensus.population import SPECIAL_PREFIXES, Exclusions
from mailcensus.population.address import parse_address, reached_address
from mailcensus.probe.deadlines import Deadlines
from mailcensus.probe.ledger import Ledger
from mailcensus.probe.politeness import AsOf, Politeness, Ticket
from mailcensus.study.sections import PolitenessSection

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of a connect that say something about this machine and nothing about the peer."""

P = TypeVar("P", bound=asyncio.BaseProtocol)

_TIMER_STEP_S = 0.001
"""uvloop's timers count in whole milliseconds and may fire up to half of one early."""


class Excluded(Exception):
    """The address must not be asked; nothing was sent."""

    def __init__(self, ip: str, reason: str) -> None:
        super().__init__(f"{ip}: {reason}")
        self.ip = ip
        self.reason = reason


class Dialer:
    """Opens connections to targets, politely. Belongs to the running event loop."""

    def __init__(
        self,
        settings: PolitenessSection,
        exclusions: Exclusions,
        allow_special: bool = False,
        deadlines: Deadlines | None = None,
        *,
        as_of: AsOf | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Make the door. There must be one for everything a run does at the same time (`probe.door` opens it).

        Args:
            settings: rates and numbers of open connections.
            exclusions: whom not to ask.
            allow_special: ask special-purpose addresses (loopback, private) too.
            deadlines: watches connects; one of its own where none is given.
            as_of: tells the autonomous system of a network; needed where the study limits systems.
            ledger: counts every connection; whoever makes it takes the counts away.
        """
        self._loop = asyncio.get_running_loop()
        self.exclusions = exclusions
        self._allow_special = allow_special
        self.as_of = as_of
        self._politeness = Politeness(settings, time.monotonic, as_of)
        self.ledger = ledger
        self.deadlines = deadlines or Deadlines(self._loop)
        self.lease: Path | None = None
        """Where others may give this machine's share away: holds until when it is ours, in whole seconds of the
        kernel's CLOCK_BOOTTIME. Programs that ask by themselves are to end by then."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @property
    def open(self) -> int:
        """Places taken: connections being opened, open, or being closed."""
        return self._politeness.open

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._politeness.waiting

    def admit(self, ip: str) -> Turn:
        """A turn to connect to an address, as an async context manager; entering it waits.

        Raises:
            ValueError: not an address.
            Excluded: on entering: the address must not be asked. It is not made to wait then.
        """
        return Turn(self, ip)

    def set_aside(self, connections_per_s: float) -> None:
        """Leave so much of the rate to somebody who asks without the dialer; 0: nothing."""
        self._politeness.set_aside(connections_per_s)

    def keep_to_share(self, share: float) -> None:
        """Keep to a share of the rate and of the open connections over everything; other machines have the rest."""
        self._politeness.keep_to_share(share)

    @property
    def keeps_to_share(self) -> bool:
        """Whether what began under a larger share has ended."""
        return self._politeness.keeps_to_share

    @property
    def rate_per_s(self) -> float:
        """New connections a second over everything: of the settings, or this machine's share."""
        return self._politeness.rate_per_s

    @property
    def watches_names(self) -> bool:
        """Whether names that hosts give themselves are of interest to `name_seen`."""
        return bool(self.exclusions.domains)

    def name_seen(self, ip: str, names: Iterable[str]) -> None:
        """Tell the names that a host gives itself; one under an excluded domain is asked nothing more."""
        self.exclusions.name_seen(*parse_address(ip), names)

    def _refuse_special(self, ip: str, version: int, value: int) -> None:
        if not self._allow_special and SPECIAL_PREFIXES.contains_value(version, value):
            raise Excluded(ip, "special-purpose address (RFC 6890); study.allow_special is not set")

    def _refuse_excluded(self, ip: str, version: int, value: int) -> None:
        if self.exclusions.contains_value(version, value):
            self.exclusions.count_refusal(version, value)
            raise Excluded(ip, "in the exclusions")

    def _set_timer(self) -> None:
        """Wake when the next turn may come; there is one timer for all who wait."""
        at = self._politeness.next_at()
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - time.monotonic()) + _TIMER_STEP_S, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._politeness.advance()
        self._set_timer()


class Turn:
    """One address's turn to be connected to, once."""

    __slots__ = ("_dialer", "_ip", "_reached", "_spent", "_ticket", "_transport", "connect_ms")

    def __init__(self, dialer: Dialer, ip: str) -> None:
        self._dialer = dialer
        self._ip = ip
        self._reached = (0, 0)
        self._ticket: Ticket | None = None
        self._transport: asyncio.Transport | None = None
        self._spent = False
        self.connect_ms: float | None = None
        """How long the TCP handshake took, without the wait for the turn; None before it is done."""

    async def __aenter__(self) -> Turn:
        dialer, ip = self._dialer, self._ip
        version, value = parse_address(ip)
        dialer._refuse_special(ip, version, value)
        version, value = self._reached = reached_address(version, value)
        dialer._refuse_excluded(ip, version, value)
        ticket = self._ticket = dialer._politeness.ask(version, value)
        if not ticket.admitted:
            await self._wait(ticket)
        return self

    async def dial(self, port: int, timeout_s: float, protocol_factory: Callable[[], P]) -> P:
        """Connect, and give the connected protocol.

        Args:
            port: the port to connect to.
            timeout_s: how long the TCP handshake may take, give or take the resolution of the deadlines.
            protocol_factory: makes the `asyncio.Protocol` of the connection.

        Raises:
            Excluded: the address has been excluded while it waited.
            TimeoutError: no answer in time.
            ConnectionRefusedError: the peer refused.
            OSError: any other failure, of the network or of this machine.
            RuntimeError: the turn is spent; each connection needs its own.
        """
        if self._spent or self._ticket is None:
            raise RuntimeError("a turn is for one connection, inside its `async with`")
        self._spent = True
        dialer = self._dialer
        dialer._refuse_excluded(self._ip, *self._reached)
        loop, deadlines = dialer._loop, dialer.deadlines
        deadline = _ConnectDeadline(loop.time() + timeout_s)
        deadlines.add(deadline)
        self._begin()
        began = time.perf_counter()
        try:
            transport, arrival = await loop.create_connection(
                lambda: _Arrival(protocol_factory, deadline), self._ip, port
            )
        except asyncio.CancelledError:
            if deadline.was_the_cancel():
                raise TimeoutError(f"no answer within {timeout_s:g} s") from None
            raise
        finally:
            deadlines.remove(deadline)
        self.connect_ms = (time.perf_counter() - began) * 1000
        self._transport = transport
        return arrival.protocol

    def lend(self) -> None:
        """Let a program of the system have the turn, for one connection of its own; the books count it.

        Whoever lends it stays in the block until that program has ended.

        Raises:
            Excluded: the address has been excluded while it waited.
            RuntimeError: the turn is spent; each connection needs its own.
        """
        if self._spent or self._ticket is None:
            raise RuntimeError("a turn is for one connection, inside its `async with`")
        self._spent = True
        dialer = self._dialer
        dialer._refuse_excluded(self._ip, *self._reached)
        self._begin()

    def _begin(self) -> None:
        """Tell gates and books that the connection begins now."""
        assert self._ticket is not None
        dialer = self._dialer
        dialer._politeness.begin(self._ticket)
        if dialer._politeness.waiting:
            dialer._set_timer()
        if dialer.ledger is not None:
            dialer.ledger.count(*self._reached, dialer._politeness.open)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        transport = self._transport
        if transport is not None:
            _close(transport)
        self._give_back()

    async def _wait(self, ticket: Ticket) -> None:
        dialer = self._dialer
        turn_came = dialer._loop.create_future()
        ticket.on_turn = partial(_resolve, turn_came)
        dialer._set_timer()
        try:
            await turn_came
        except asyncio.CancelledError:
            self._give_back()  # the turn may have come in the same moment
            raise

    def _give_back(self) -> None:
        if self._ticket is not None:
            self._dialer._politeness.leave(self._ticket)
            if self._dialer._politeness.waiting:
                self._dialer._set_timer()


def _resolve(turn_came: asyncio.Future[None]) -> None:
    if not turn_came.done():  # whoever waited may have been cancelled in the same moment
        turn_came.set_result(None)


class _ConnectDeadline:
    """Ends a connect by cancelling its task, and tells that cancel from others, as `asyncio.timeout` does."""

    __slots__ = ("_cancels_before", "_task", "deadline", "expired")

    def __init__(self, deadline: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancels_before = task.cancelling()
        self.deadline = deadline
        self.expired = False

    def expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def was_the_cancel(self) -> bool:
        return self.expired and self._task.uncancel() <= self._cancels_before


class _Arrival(asyncio.Protocol, Generic[P]):
    """Ends the deadline of a connect in the moment in which it is made, and leaves the connection to its protocol.

    Whoever waits for the connect wakes some turns of the loop later, on a busy machine many: by then the peer may have
    spoken, and a deadline that fell in between would call it silent.
    """

    __slots__ = ("_deadline", "protocol")

    def __init__(self, protocol_factory: Callable[[], P], deadline: _ConnectDeadline) -> None:
        self.protocol = protocol_factory()
        self._deadline = deadline

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._deadline.deadline = math.inf
        transport.set_protocol(self.protocol)
        self.protocol.connection_made(transport)


def _close(transport: asyncio.Transport) -> None:
    """Close what may still be open: with a FIN if all is sent, at once if the peer would not take the rest."""
    if transport.get_write_buffer_size():
        transport.abort()
    elif not transport.is_closing():
        transport.close()
