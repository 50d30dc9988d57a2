"""Limits hold in every window, whatever comes, on a clock that is a number."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.probe.politeness import CATCH_UP_S, AsOf, Politeness, Ticket
from mailcensus.study.settings import PolitenessSection


@dataclass
class Simulation:
    """Connections that take their time, on a simulated clock; keeps all starts and what was open when."""

    limits: PolitenessSection
    timer_lag_s: float = 0.0
    counts_open: bool = True
    as_of: AsOf | None = None
    now: float = 1000.0
    starts: list[tuple[float, int]] = field(default_factory=list)
    open_by_address: Counter[int] = field(default_factory=Counter)
    most_open: Counter[str] = field(default_factory=Counter)
    wakes: int = 0

    def __post_init__(self) -> None:
        self.gates = Politeness(self.limits, lambda: self.now, self.as_of)
        self._ends: list[tuple[float, int, Ticket, int]] = []
        self._count = 0

    def run(self, requests: list[tuple[float, int, float]], give_up_share: float = 0.0) -> None:
        """Requests are (at, IPv4 address, seconds it stays open), ascending; runs until all had their turn."""
        coming = deque(requests)
        waiting: list[Ticket] = []
        chance = random.Random(1)
        while coming or self._ends or self.gates.waiting:
            wake_at = self.gates.next_at()
            times = [
                coming[0][0] + 1000.0 if coming else math.inf,
                self._ends[0][0] if self._ends else math.inf,
                wake_at + self.timer_lag_s if wake_at is not None else math.inf,
            ]
            assert min(times) < math.inf, "somebody waits for ever"
            self.now = max(self.now, min(times))
            which = times.index(min(times))
            if which == 0:
                _, address, lasts_s = coming.popleft()
                ticket = self.gates.ask(4, address)
                if ticket.admitted:
                    self._start(ticket, address, lasts_s)
                else:
                    ticket.on_turn = lambda t=ticket, a=address, s=lasts_s: self._start(t, a, s)
                    waiting.append(ticket)
            elif which == 1:
                _, _, ticket, address = heapq.heappop(self._ends)
                self.open_by_address[address] -= 1
                self.gates.leave(ticket)
            else:
                self.wakes += 1
                self.gates.advance()
            if waiting and chance.random() < give_up_share:
                gone = waiting.pop(chance.randrange(len(waiting)))
                if not gone.admitted:
                    self.gates.leave(gone)

    def _start(self, ticket: Ticket, address: int, lasts_s: float) -> None:
        assert ticket.admitted
        self.starts.append((self.now, address))
        self.open_by_address[address] += 1
        self._count += 1
        heapq.heappush(self._ends, (self.now + lasts_s, self._count, ticket, address))
        if self.counts_open:
            self._count_open(address)

    def _count_open(self, address: int) -> None:
        networks: Counter[int] = Counter()
        for other, count in self.open_by_address.items():
            networks[other >> 8] += count
        self.most_open["address"] = max(self.most_open["address"], self.open_by_address[address])
        self.most_open["network"] = max(self.most_open["network"], networks[address >> 8])
        self.most_open["all"] = max(self.most_open["all"], networks.total())

    def check(self) -> None:
        assert self.most_open["address"] <= 1
        assert self.most_open["network"] <= self.limits.prefix_connections
        assert self.most_open["all"] <= self.limits.in_flight
        assert_rate_holds([at for at, _ in self.starts], self.limits.connections_per_s)
        by_network: dict[int, list[float]] = defaultdict(list)
        for at, address in self.starts:
            by_network[address >> 8].append(at)
        for starts in by_network.values():
            assert_rate_holds(starts, self.limits.prefix_connections_per_s)


def assert_rate_holds(starts: list[float], rate: float) -> None:
    """No half-open window of 1 s or more, beginning anywhere, holds more than ceil(rate * its length)."""
    assert starts == sorted(starts)
    for length_s in (1.0, 1.5, 2.0, 7.3, 60.0):
        allowed = math.ceil(rate * length_s - 1e-9)
        first = 0
        for index, at in enumerate(starts):
            while at - starts[first] >= length_s - 1e-9:
                first += 1
            assert index - first + 1 <= allowed, (length_s, rate)


def limits(**values: float) -> PolitenessSection:
    return PolitenessSection.model_validate(values)


REQUESTS = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 3), st.integers(0, 3), st.floats(0.001, 3)), max_size=60
).map(lambda rows: sorted((at, network << 8 | host, lasts) for at, network, host, lasts in rows))


@settings(max_examples=150, deadline=None)
@given(
    REQUESTS,
    st.sampled_from([0.7, 3.0, 10.0, 147.0]),
    st.sampled_from([0.5, 2.0, 50.0]),
    st.integers(1, 4),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.003, 0.5]),
    st.sampled_from([0.0, 0.2]),
)
def test_no_limit_is_ever_exceeded_and_all_have_their_turn(
    requests: list[tuple[float, int, float]],
    rate: float,
    network_rate: float,
    network_open: int,
    in_flight: int,
    timer_lag_s: float,
    give_up_share: float,
) -> None:
    simulation = Simulation(
        limits(
            connections_per_s=rate,
            prefix_connections_per_s=network_rate,
            prefix_connections=network_open,
            in_flight=in_flight,
        ),
        timer_lag_s,
    )
    simulation.run(requests, give_up_share)
    simulation.check()
    if not give_up_share:
        assert Counter(address for _, address in simulation.starts) == Counter(ip for _, ip, _ in requests)
    assert simulation.gates.open == simulation.gates.waiting == 0


def test_the_default_rate_is_held_and_reached_over_two_minutes() -> None:
    chance = random.Random(2)
    requests = [(0.0, chance.randrange(1 << 32), 0.2) for _ in range(147 * 120)]
    simulation = Simulation(limits(), timer_lag_s=0.002, counts_open=False)
    simulation.run(requests)
    starts = [at for at, _ in simulation.starts]
    assert_rate_holds(starts, 147.0)
    assert len(starts) == len(requests)
    assert (starts[-1] - starts[0]) == pytest.approx(120 * (1 + CATCH_UP_S), rel=0.002)


def test_a_network_that_many_wait_for_holds_up_nobody_else() -> None:
    crowd = [(0.0, 0x0A000000 + host, 0.01) for host in range(100)]
    others = [(0.1 + network / 100, (0x0B0000 + network) << 8, 0.01) for network in range(50)]
    simulation = Simulation(limits(connections_per_s=1000, prefix_connections_per_s=2))
    simulation.run([*crowd, *others])
    late = [at - 1000.0 for at, address in simulation.starts if address >> 24 == 0x0B]
    assert late == pytest.approx([at for at, _, _ in others], abs=0.002)


def test_within_a_network_it_is_first_come_first_served() -> None:
    hosts = [0x0A000000 + host for host in (9, 3, 7, 1, 200, 5)]
    simulation = Simulation(limits(prefix_connections_per_s=1))
    simulation.run([(0.001 * number, host, 0.01) for number, host in enumerate(hosts)])
    assert [address for _, address in simulation.starts] == hosts


def test_waiting_costs_no_wakes_beyond_the_starts() -> None:
    requests = [(0.0, (network << 8) + 1, 0.5) for network in range(5000)]
    simulation = Simulation(limits(connections_per_s=1000), counts_open=False)
    simulation.run(requests)
    assert simulation.wakes <= 2 * len(requests)


def test_nothing_is_remembered_of_those_who_are_long_gone() -> None:
    requests = [(number / 100, number << 8, 0.3) for number in range(10_000)]
    simulation = Simulation(limits(connections_per_s=1000), counts_open=False)
    simulation.run(requests)
    assert simulation.gates.remembered < 200
    assert len(simulation.gates._reminders) < 200


def test_ipv6_networks_are_48_bits_wide_and_apart_from_ipv4() -> None:
    now = 0.0
    gates = Politeness(limits(prefix_connections=1, connections_per_s=1e6), lambda: now)
    first = 0x20010DB8 << 96
    assert gates.ask(6, first).admitted
    assert not gates.ask(6, first + (1 << 79)).admitted
    now = 1.0
    assert gates.ask(6, first + (1 << 80)).admitted
    now = 2.0
    assert gates.ask(4, 0x0A000001).admitted
    now = 3.0
    assert gates.ask(6, 0x0A000001).admitted


def test_a_system_has_a_rate_of_its_own_and_holds_up_nobody_else() -> None:
    crowd = [(0.0, 0x0A000000 + (network << 8), 0.01) for network in range(100)]
    others = [(0.1 + network / 100, (0x0B0000 + network) << 8, 0.01) for network in range(50)]
    simulation = Simulation(
        limits(connections_per_s=1000, prefix_connections_per_s=50, as_connections_per_s=10),
        as_of=lambda network: 64500 if network >> 16 == 0x0A else None,
    )
    simulation.run(sorted([*crowd, *others]))
    assert_rate_holds([at for at, address in simulation.starts if address >> 24 == 0x0A], 10)
    late = [at - 1000.0 for at, address in simulation.starts if address >> 24 == 0x0B]
    assert late == pytest.approx([at for at, _, _ in others], abs=0.002)
    assert max(at for at, _ in simulation.starts) - 1000.0 == pytest.approx(99 * 0.1005, abs=0.02)


def test_a_system_is_remembered_as_long_as_its_networks_are_and_then_forgotten() -> None:
    now = 0.0
    gates = Politeness(
        limits(connections_per_s=1e6, prefix_connections_per_s=0.5, as_connections_per_s=5),
        lambda: now,
        lambda network: 64500,
    )
    gates.leave(gates.ask(4, 0x0A000001))
    now = 1.0  # the system's own time has long passed, not that of the network
    gates.leave(gates.ask(4, 0x0B000001))
    now = 1.9
    gates.leave(gates.ask(4, 0x0C000001))
    now = 2.3
    assert gates.ask(4, 0x0A000002).admitted
    assert not gates.ask(4, 0x0D000002).admitted, "the same gate, by the old network and by a new one"


def test_a_system_whose_networks_are_forgotten_is_forgotten() -> None:
    now = 0.0
    gates = Politeness(limits(as_connections_per_s=5), lambda: now, lambda network: network >> 16)
    for number in range(100):
        now = number * 1.0
        gates.leave(gates.ask(4, number << 24))
    assert gates.remembered <= 4


def test_without_an_as_database_or_for_unknown_systems_there_is_no_gate() -> None:
    settings = limits(connections_per_s=1e6, as_connections_per_s=1)
    for gates in (Politeness(settings, lambda: 0.0), Politeness(settings, lambda: 0.0, lambda _: None)):
        assert gates.ask(4, 1 << 8).admitted


def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    now = 0.0
    gates = Politeness(limits(connections_per_s=1), lambda: now)
    gates.ask(4, 0x0A000001)
    waiting = gates.ask(4, 0x0B000001)
    now = 100.0
    assert not gates.ask(4, 0x0C000001).admitted
    assert waiting.admitted


def test_a_network_is_not_forgotten_while_one_of_its_connections_is_open() -> None:
    now = 0.0
    gates = Politeness(limits(connections_per_s=1e6, prefix_connections=2), lambda: now)
    gates.ask(4, 1)
    now = 1.0
    short = gates.ask(4, 2)
    now = 10.0
    gates.leave(short)
    assert gates.ask(4, 3).admitted
    now = 20.0
    assert not gates.ask(4, 4).admitted, "two are open, and two are allowed"


def test_leaving_twice_gives_one_place_back() -> None:
    gates = Politeness(limits(connections_per_s=1e6, in_flight=1), lambda: 0.0)
    ticket = gates.ask(4, 1)
    gates.leave(ticket)
    gates.leave(ticket)
    assert gates.open == 0
