"""Limits hold in every window, whatever comes, on a clock that is a number."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.probe.politeness import CATCH_UP_S, Politeness
from mailcensus.study.sections import PolitenessSection
from polite_simulation import Simulation, assert_rate_holds


def limits(**values: float | None) -> PolitenessSection:
    return PolitenessSection.model_validate(values)


def come_and_go(gates: Politeness, address: int) -> None:
    ticket = gates.ask(4, address)
    assert ticket.admitted
    gates.begin(ticket)
    gates.leave(ticket)


REQUESTS = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 3), st.integers(0, 3), st.floats(0.001, 3)), max_size=60
).map(lambda rows: sorted((at, network << 8 | host, lasts) for at, network, host, lasts in rows))


@settings(max_examples=150, deadline=None)
@given(
    REQUESTS,
    st.sampled_from([0.7, 3.0, 10.0, 147.0]),
    st.sampled_from([0.5, 2.0, 50.0]),
    st.sampled_from([None, 0.4, 5.0]),
    st.integers(1, 4),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.003, 0.5]),
    st.sampled_from([0.0, 0.02, 1.5]),
    st.sampled_from([0.0, 0.2]),
)
def test_no_limit_is_ever_exceeded_and_all_have_their_turn(
    requests: list[tuple[float, int, float]],
    rate: float,
    network_rate: float,
    as_rate: float | None,
    network_open: int,
    in_flight: int,
    timer_lag_s: float,
    begin_lag_s: float,
    give_up_share: float,
) -> None:
    simulation = Simulation(
        limits(
            connections_per_s=rate,
            prefix_connections_per_s=network_rate,
            as_connections_per_s=as_rate,
            prefix_connections=network_open,
            in_flight=in_flight,
        ),
        timer_lag_s,
        begin_lag_s,
        as_of=lambda network: network % 3 or None,
    )
    simulation.run(requests, give_up_share)
    simulation.check()
    if not give_up_share:
        assert Counter(address for _, address in simulation.starts) == Counter(ip for _, ip, _ in requests)
    assert simulation.gates.open == simulation.gates.waiting == 0


def test_the_default_rate_is_held_and_reached_over_two_minutes() -> None:
    chance = random.Random(2)
    requests = [(0.0, chance.randrange(1 << 32), 0.2) for _ in range(147 * 120)]
    simulation = Simulation(limits(), timer_lag_s=0.002)
    simulation.run(requests)
    starts = [at for at, _ in simulation.starts]
    assert_rate_holds(starts, 147.0)
    assert len(starts) == len(requests)
    assert (starts[-1] - starts[0]) == pytest.approx(120 * (1 + CATCH_UP_S), rel=0.002)


@pytest.mark.parametrize(
    ("rate", "begin_lag_s", "reached"),
    [(147.0, 0.02, 0.7), (300.0, 0.05, 0.4), (300.0, 0.003, 0.95), (5000.0, 0.02, 0.6), (20.0, 5.0, 0.1)],
)
def test_the_rate_is_of_what_begins_however_late_a_busy_machine_begins_it(
    rate: float, begin_lag_s: float, reached: float
) -> None:
    chance = random.Random(2)
    requests = [(0.0, chance.randrange(1 << 32), 0.02) for _ in range(round(rate * 2))]
    simulation = Simulation(limits(connections_per_s=rate), timer_lag_s=0.002, begin_lag_s=begin_lag_s)
    simulation.run(requests)
    simulation.check()
    starts = [at for at, _ in simulation.starts]
    assert len(starts) == len(requests)
    assert len(starts) / (starts[-1] - starts[0]) > reached * rate


def test_a_turn_that_is_not_used_keeps_nobody_waiting() -> None:
    now = 0.0
    gates = Politeness(limits(connections_per_s=1), lambda: now)
    unused, next_in_line = gates.ask(4, 0x0A000001), gates.ask(4, 0x0B000001)
    assert unused.admitted
    assert not next_in_line.admitted
    gates.leave(unused)
    now = 1.005
    gates.advance()
    assert next_in_line.admitted


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
    simulation = Simulation(limits(connections_per_s=1000))
    simulation.run(requests)
    assert simulation.wakes <= 2 * len(requests)


def test_nothing_is_remembered_of_those_who_are_long_gone() -> None:
    requests = [(number / 100, number << 8, 0.3) for number in range(10_000)]
    simulation = Simulation(limits(connections_per_s=1000))
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
    assert max(at for at, _ in simulation.starts) - 1000.0 == pytest.approx(
        99 * 0.1 * (1 + CATCH_UP_S), abs=0.02
    )


def test_a_system_is_remembered_as_long_as_its_networks_are_and_then_forgotten() -> None:
    now = 0.0
    gates = Politeness(
        limits(connections_per_s=1e6, prefix_connections_per_s=0.5, as_connections_per_s=5),
        lambda: now,
        lambda network: 64500,
    )
    come_and_go(gates, 0x0A000001)
    now = 1.0  # the system's own time has long passed, not that of the network
    come_and_go(gates, 0x0B000001)
    now = 1.9
    come_and_go(gates, 0x0C000001)
    now = 2.3
    assert gates.ask(4, 0x0A000002).admitted
    assert not gates.ask(4, 0x0D000002).admitted, "the same gate, by the old network and by a new one"


def test_a_system_whose_networks_are_forgotten_is_forgotten() -> None:
    now = 0.0
    gates = Politeness(limits(as_connections_per_s=5), lambda: now, lambda network: network >> 16)
    for number in range(100):
        now = number * 1.0
        come_and_go(gates, number << 24)
    assert gates.remembered <= 4


def test_without_an_as_database_or_for_unknown_systems_there_is_no_gate() -> None:
    settings = limits(connections_per_s=1e6, as_connections_per_s=1)
    for gates in (Politeness(settings, lambda: 0.0), Politeness(settings, lambda: 0.0, lambda _: None)):
        assert gates.ask(4, 1 << 8).admitted


def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    now = 0.0
    gates = Politeness(limits(connections_per_s=1), lambda: now)
    come_and_go(gates, 0x0A000001)
    waiting = gates.ask(4, 0x0B000001)
    now = 100.0
    assert not gates.ask(4, 0x0C000001).admitted
    assert waiting.admitted


def test_a_network_is_not_forgotten_while_one_of_its_connections_is_open() -> None:
    now = 0.0
    gates = Politeness(limits(connections_per_s=1e6, prefix_connections=2), lambda: now)
    gates.begin(gates.ask(4, 1))
    now = 1.0
    short = gates.ask(4, 2)
    gates.begin(short)
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


def test_a_share_is_of_the_rate_and_of_what_may_be_open_and_can_be_changed_at_any_time() -> None:
    chance = random.Random(3)
    requests = [(0.0, chance.randrange(1 << 32), 0.5) for _ in range(600)]
    simulation = Simulation(limits(connections_per_s=60, in_flight=40), timer_lag_s=0.002)
    simulation.gates.keep_to_share(1 / 3)
    simulation.run(requests)
    starts = [at for at, _ in simulation.starts]
    assert_rate_holds(starts, 20.0)
    assert len(starts) == len(requests)
    assert simulation.most_open["all"] <= 40 // 3
    simulation.gates.keep_to_share(1.0)
    simulation.starts.clear()
    simulation.run([(at + simulation.now, address, 0.1) for at, address, _ in requests])
    again = [at for at, _ in simulation.starts]
    assert_rate_holds(again, 60.0)
    assert again[-1] - again[0] < 0.5 * (starts[-1] - starts[0])


@pytest.mark.parametrize("is_set_aside_first", [True, False])
def test_what_is_set_aside_is_set_aside_of_a_share_too(is_set_aside_first: bool) -> None:
    chance = random.Random(4)
    simulation = Simulation(limits(connections_per_s=60, in_flight=400), timer_lag_s=0.002)
    if is_set_aside_first:
        simulation.gates.set_aside(10.0)
        simulation.gates.keep_to_share(0.5)
    else:
        simulation.gates.keep_to_share(0.5)
        simulation.gates.set_aside(10.0)
    simulation.run([(0.0, chance.randrange(1 << 32), 0.5) for _ in range(200)])
    assert_rate_holds([at for at, _ in simulation.starts], 20.0)


def test_a_smaller_share_is_kept_to_once_what_is_open_and_set_aside_is_no_more() -> None:
    gates = Politeness(limits(connections_per_s=1e6, in_flight=10), lambda: 0.0)
    gates.set_aside(0.8e6)
    gates.keep_to_share(0.5)
    assert not gates.keeps_to_share, "a packet engine still sends 800,000 a second"
    gates.set_aside(0.4e6)
    assert gates.keeps_to_share
    tickets = [gates.ask(4, address << 8) for address in range(1, 5)]
    assert all(ticket.admitted for ticket in tickets)
    gates.set_aside(0.0)
    gates.keep_to_share(0.2)
    assert not gates.keeps_to_share, "four are open, and two may be"
    for ticket in tickets[:2]:
        gates.leave(ticket)
    assert gates.keeps_to_share
