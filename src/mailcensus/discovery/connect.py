"""The built-in engine: a TCP connect to each address, closed as soon as it stands.

It needs no root and no packet tricks, so it goes through the same door as every other connection and obeys the same
limits. The handshake is the answer; nothing is sent or read, and the connection is closed with a FIN.

Who does not answer in time may be asked again after a pause, since packets get lost (the kernel repeats a SYN by
itself after 1 s, 3 s, 7 s, so within the default time-out each try is three packets). The pause is the same for
all, so those who wait for it stand in one queue in the order in which it ends. They count as not done with until
then: how far the sweep is told to be lags by the pause, and a kill asks at most so much again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum

from mailcensus.discovery.frontier import Frontier
from mailcensus.model import Hit
from mailcensus.probe.dialer import EXHAUSTED, Dialer, Excluded
from mailcensus.study import StageFailed
from mailcensus.study.sections import DiscoverySection

ENGINE = "connect"


@dataclass(slots=True)
class Tally:
    """What came of asking, in ports of addresses."""

    hits: int = 0
    refused: int = 0
    timeouts: int = 0
    """Nothing came back, however often it was tried."""
    unreachable: int = 0
    """The network said so (ICMP), or there is no route from here."""
    unanswered: int = 0
    """Of packet engines: no listener answered. They do not tell who refused from who kept silent."""
    excluded: int = 0
    """Not asked: an exclusion came after the population was made."""

    @property
    def asked(self) -> int:
        """What a SYN was sent to, or would have been if there had been a route."""
        return self.hits + self.refused + self.timeouts + self.unreachable + self.unanswered

    def add(self, more: Tally) -> None:
        """Count what came of others too."""
        for field in fields(Tally):
            setattr(self, field.name, getattr(self, field.name) + getattr(more, field.name))


class Answer(Enum):
    """What came of one connect. Its value is the field of `Tally` that counts it."""

    HIT = "hits"
    REFUSED = "refused"
    TIMEOUT = "timeouts"
    UNREACHABLE = "unreachable"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class _Asking:
    """A target and what is left to ask of it."""

    position: int
    ip: str
    ports: tuple[int, ...]
    tries: int = 1
    due: float = 0.0
    """Not before this, on the loop's clock."""


class ConnectSweep:
    """Asks targets of a frontier, as many at a time as it has workers."""

    def __init__(
        self,
        dialer: Dialer,
        frontier: Frontier,
        on_hit: Callable[[Hit], object],
        *,
        run_id: str,
        settings: DiscoverySection,
    ) -> None:
        self._dialer = dialer
        self._frontier = frontier
        self._on_hit = on_hit
        self._run_id = run_id
        self._settings = settings
        self._again: deque[_Asking] = deque()
        self.tally = Tally()

    async def work(self) -> None:
        """One worker: asks target after target until there are none.

        A target is done with once its hits have been handed on and nothing of it is to be tried again. Any error
        ends the worker with the target not done.

        Raises:
            StageFailed: this machine cannot open connections any more.
        """
        while (asking := await self._next()) is not None:
            silent = [port for port in asking.ports if await self._is_silent(asking.ip, port)]
            if silent and asking.tries <= self._settings.retries:
                due = asyncio.get_running_loop().time() + self._settings.retry_pause_s
                self._again.append(_Asking(asking.position, asking.ip, tuple(silent), asking.tries + 1, due))
            else:
                self.tally.timeouts += len(silent)
                self._frontier.done(asking.position)

    async def _next(self) -> _Asking | None:
        """Whom to ask: first whose pause is over, then who was never asked, then who is next after a pause."""
        now = asyncio.get_running_loop().time()
        if not (self._again and self._again[0].due <= now):
            target = self._frontier.take()
            if target is not None:
                return _Asking(*target, self._settings.ports)
        if not self._again:
            return None  # whoever still asks will see to it that it is asked again
        asking = self._again.popleft()
        await asyncio.sleep(asking.due - now)
        return asking

    async def _is_silent(self, ip: str, port: int) -> bool:
        """Ask, hand on a hit, and count what came of it unless it is silence."""
        answer, rtt_ms = await connect_once(self._dialer, ip, port, self._settings.timeout_s)
        if answer is Answer.TIMEOUT:
            return True
        if answer is Answer.HIT:
            self._on_hit(
                Hit(
                    run_id=self._run_id,
                    seen_at=datetime.now(UTC),
                    ip=ip,
                    port=port,
                    engine=ENGINE,
                    rtt_ms=rtt_ms,
                )
            )
        setattr(self.tally, answer.value, getattr(self.tally, answer.value) + 1)
        return False


async def connect_once(dialer: Dialer, ip: str, port: int, timeout_s: float) -> tuple[Answer, float | None]:
    """One connect: what came of it, and how long the handshake took in ms.

    Raises:
        StageFailed: this machine cannot open connections any more.
    """
    try:
        async with dialer.admit(ip) as turn:
            await turn.dial(port, timeout_s, asyncio.Protocol)
    except Excluded:
        return Answer.EXCLUDED, None
    except TimeoutError:
        return Answer.TIMEOUT, None
    except ConnectionResetError:
        return Answer.HIT, None  # refused is another error: it accepted, and reset before we looked
    except ConnectionError:
        return Answer.REFUSED, None
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise StageFailed(
                f"this machine cannot open more connections ({error.strerror}); lower politeness.in_flight "
                "in study.toml or raise the system's limit (ulimit -n), then run the same command again"
            ) from None
        return Answer.UNREACHABLE, None
    return Answer.HIT, turn.connect_ms
