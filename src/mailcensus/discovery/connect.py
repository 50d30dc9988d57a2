"""The built-in engine: a TCP connect to each address, closed as soon as it stands.

It needs no root and no packet tricks, so it goes through the same door as every other connection and obeys the same
limits. The handshake is the answer; nothing is sent or read, and the connection is closed with a FIN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mailcensus.discovery.frontier import Frontier
from mailcensus.model import Hit
from mailcensus.probe.dialer import EXHAUSTED, Dialer, Excluded
from mailcensus.study import StageFailed

ENGINE = "connect"


@dataclass(slots=True)
class Tally:
    """What came of asking, in addresses."""

    hits: int = 0
    refused: int = 0
    timeouts: int = 0
    unreachable: int = 0
    """The network said so (ICMP), or there is no route from here."""
    excluded: int = 0
    """Not asked: an exclusion came after the population was made."""

    @property
    def asked(self) -> int:
        """Addresses that a SYN was sent to, or would have been if there had been a route."""
        return self.hits + self.refused + self.timeouts + self.unreachable


class ConnectSweep:
    """Asks targets of a frontier, as many at a time as it has workers."""

    def __init__(
        self,
        dialer: Dialer,
        frontier: Frontier,
        on_hit: Callable[[Hit], object],
        *,
        run_id: str,
        port: int,
        timeout_s: float,
    ) -> None:
        self._dialer = dialer
        self._frontier = frontier
        self._on_hit = on_hit
        self._run_id = run_id
        self._port = port
        self._timeout_s = timeout_s
        self.tally = Tally()

    async def work(self) -> None:
        """One worker: asks target after target until there are none.

        A target is done with once its hit has been handed on. Any error ends the worker with the target not done.

        Raises:
            StageFailed: this machine cannot open connections any more.
        """
        frontier = self._frontier
        while (target := frontier.take()) is not None:
            position, ip = target
            hit = await self._ask(ip)
            if hit is not None:
                self._on_hit(hit)
            frontier.done(position)

    async def _ask(self, ip: str) -> Hit | None:
        tally = self.tally
        try:
            async with self._dialer.admit(ip) as turn:
                await turn.dial(self._port, self._timeout_s, asyncio.Protocol)
        except Excluded:
            tally.excluded += 1
        except TimeoutError:
            tally.timeouts += 1
        except ConnectionError:
            tally.refused += 1
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise StageFailed(
                    f"this machine cannot open more connections ({error.strerror}); lower politeness.in_flight "
                    "in study.toml or raise the system's limit (ulimit -n), then run the same command again"
                ) from None
            tally.unreachable += 1
        else:
            tally.hits += 1
            return Hit(
                run_id=self._run_id,
                seen_at=datetime.now(UTC),
                ip=ip,
                port=self._port,
                engine=ENGINE,
                rtt_ms=turn.connect_ms,
            )
        return None
