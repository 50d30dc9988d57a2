"""Connections that take their time on a simulated clock, at the gates of politeness; and whether limits held."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from mailcensus.probe.politeness import AsOf, Politeness, Ticket
from mailcensus.study.sections import PolitenessSection


@dataclass
class Simulation:
    """Connections that take their time, on a simulated clock; keeps all starts and what was open when."""

    limits: PolitenessSection
    timer_lag_s: float = 0.0
    begin_lag_s: float = 0.0
    """Up to how long after its turn a connection begins, in fits of all lengths; as on a machine that is busy."""
    as_of: AsOf | None = None
    now: float = 1000.0
    starts: list[tuple[float, int]] = field(default_factory=list)
    open_now: Counter[object] = field(default_factory=Counter)
    """By address, by ("network", number), and "all"."""
    most_open: Counter[str] = field(default_factory=Counter)
    wakes: int = 0

    def __post_init__(self) -> None:
        self.gates = Politeness(self.limits, lambda: self.now, self.as_of)
        self._ends: list[tuple[float, int, Ticket, int]] = []
        self._begins: list[tuple[float, int, Ticket, int, float]] = []
        self._count = 0
        self._stalls = random.Random(5)
        self._stalled_until = 0.0

    def run(self, requests: list[tuple[float, int, float]], give_up_share: float = 0.0) -> None:
        """Requests are (at, IPv4 address, seconds it stays open), ascending; runs until all had their turn."""
        coming = deque(requests)
        waiting: list[Ticket] = []
        chance = random.Random(1)
        while coming or self._ends or self._begins or self.gates.waiting:
            wake_at = self.gates.next_at()
            times = [
                coming[0][0] + 1000.0 if coming else math.inf,
                self._ends[0][0] if self._ends else math.inf,
                wake_at + self.timer_lag_s if wake_at is not None else math.inf,
                self._begins[0][0] if self._begins else math.inf,
            ]
            assert min(times) < math.inf, "somebody waits for ever"
            self.now = max(self.now, min(times))
            which = times.index(min(times))
            if which == 0:
                _, address, lasts_s = coming.popleft()
                ticket = self.gates.ask(4, address)
                if ticket.admitted:
                    self._begin(ticket, address, lasts_s)
                else:
                    ticket.on_turn = lambda t=ticket, a=address, s=lasts_s: self._turn_came(t, a, s)
                    waiting.append(ticket)
            elif which == 1:
                _, _, ticket, address = heapq.heappop(self._ends)
                self._count_open(address, -1)
                self.gates.leave(ticket)
            elif which == 2:
                self.wakes += 1
                self.gates.advance()
            else:
                _, _, ticket, address, lasts_s = heapq.heappop(self._begins)
                self._begin(ticket, address, lasts_s)
            if waiting and chance.random() < give_up_share:
                gone = waiting.pop(chance.randrange(len(waiting)))
                if not gone.admitted:
                    self.gates.leave(gone)

    def _turn_came(self, ticket: Ticket, address: int, lasts_s: float) -> None:
        if self.begin_lag_s and self.now >= self._stalled_until:
            self._stalled_until = self.now + self.begin_lag_s * self._stalls.random() ** 4
        self._count += 1
        begins_at = max(self.now, self._stalled_until)
        heapq.heappush(self._begins, (begins_at, self._count, ticket, address, lasts_s))

    def _begin(self, ticket: Ticket, address: int, lasts_s: float) -> None:
        assert ticket.admitted
        self.gates.begin(ticket)
        self.starts.append((self.now, address))
        self._count_open(address, +1)
        self._count += 1
        heapq.heappush(self._ends, (self.now + lasts_s, self._count, ticket, address))

    def _count_open(self, address: int, change: int) -> None:
        for what, key in (("address", address), ("network", ("network", address >> 8)), ("all", "all")):
            self.open_now[key] += change
            self.most_open[what] = max(self.most_open[what], self.open_now[key])
            if not self.open_now[key]:
                del self.open_now[key]

    def check(self) -> None:
        assert self.most_open["address"] <= 1
        assert self.most_open["network"] <= self.limits.prefix_connections
        assert self.most_open["all"] <= self.limits.in_flight
        by_network: dict[int, list[float]] = defaultdict(list)
        by_system: dict[int, list[float]] = defaultdict(list)
        for at, address in self.starts:
            by_network[address >> 8].append(at)
            if self.as_of is not None and (asn := self.as_of(address >> 8)) is not None:
                by_system[asn].append(at)
        assert_rate_holds([at for at, _ in self.starts], self.limits.connections_per_s)
        for starts in by_network.values():
            assert_rate_holds(starts, self.limits.prefix_connections_per_s)
        for starts in by_system.values():
            if self.limits.as_connections_per_s is not None:
                assert_rate_holds(starts, self.limits.as_connections_per_s)


def assert_rate_holds(starts: list[float], rate: float) -> None:
    """No half-open window of 1 s or more, beginning anywhere, holds more than ceil(rate * its length)."""
    assert starts == sorted(starts)
    for length_s in (1.0, 1.5, 2.0, 7.3, 60.0, 3600.0):
        allowed = math.ceil(rate * length_s - 1e-9)
        first = 0
        for index, at in enumerate(starts):
            while at - starts[first] >= length_s - 1e-9:
                first += 1
            assert index - first + 1 <= allowed, (length_s, rate)
