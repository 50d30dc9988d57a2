"""Units are shared out fairly, and those in use never add up to more than there are."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcensus.study.sections import PolitenessSection
from mailcensus.vantages.leases import LEASE_S, Lease, LeaseLost, Leases, share_of_unit, units_of


def test_one_alone_gets_everything() -> None:
    leases = Leases(147, 8)
    leases.begin("a", 0.0)
    assert leases.renew("a", 1.0, kept_to=0, wants=None).units == 147


def test_a_second_one_gets_its_half_when_the_first_has_kept_to_its_own() -> None:
    leases = Leases(100, 8)
    leases.begin("a", 0.0)
    first = leases.renew("a", 0.0, kept_to=0, wants=None)
    leases.begin("b", 1.0)
    assert leases.renew("b", 1.0, kept_to=0, wants=None).units == 0
    less = leases.renew("a", 2.0, kept_to=first.number, wants=None)
    assert less.units == 50
    assert leases.renew("b", 2.5, kept_to=0, wants=None).units == 0, "the first has not kept to it yet"
    leases.renew("a", 3.0, kept_to=less.number, wants=None)
    assert leases.renew("b", 3.5, kept_to=0, wants=None).units == 50


def test_what_a_silent_one_had_is_anothers_when_its_lease_has_run_out() -> None:
    leases = Leases(100, 8)
    leases.begin("a", 0.0)
    leases.renew("a", 0.0, kept_to=0, wants=None)
    leases.begin("b", 0.0)
    assert leases.renew("b", LEASE_S - 0.1, kept_to=0, wants=None).units == 0
    assert leases.renew("b", LEASE_S, kept_to=0, wants=None).units == 100
    with pytest.raises(LeaseLost):
        leases.renew("a", LEASE_S + 1, kept_to=1, wants=None)


def test_those_at_rest_make_do_with_one() -> None:
    leases = Leases(100, 8)
    for name in ("a", "b"):
        leases.begin(name, 0.0)
    lease = leases.renew("a", 0.0, kept_to=0, wants=1)
    leases.renew("a", 1.0, kept_to=lease.number, wants=1)
    assert leases.renew("b", 2.0, kept_to=0, wants=None).units == 99


def settled(leases: Leases, wants: dict[str, int | None]) -> dict[str, int]:
    """What each has in the end, once all have kept to what they were told."""
    units, kept_to = {}, dict.fromkeys(wants, 0)
    for now, name in enumerate([*wants] * 4):
        lease = leases.renew(name, now / 10, kept_to=kept_to[name], wants=wants[name])
        units[name], kept_to[name] = lease.units, lease.number
    return units


@pytest.mark.parametrize(
    ("wants", "units"),
    [
        ({"a": 7, "b": None}, {"a": 7, "b": 93}),
        ({"a": 90, "b": None}, {"a": 50, "b": 50}),
        ({"a": 90, "b": 3}, {"a": 90, "b": 3}),
        ({"a": 1_000, "b": 3, "c": None, "d": None}, {"a": 47, "b": 3, "c": 25, "d": 25}),
    ],
)
def test_those_at_rest_get_what_they_want_but_half_at_most_where_others_ask(
    wants: dict[str, int | None], units: dict[str, int]
) -> None:
    leases = Leases(100, 8)
    for name in wants:
        leases.begin(name, 0.0)
    assert settled(leases, wants) == units


def test_who_comes_when_enough_ask_waits_until_one_of_them_rests() -> None:
    leases = Leases(100, 1)
    leases.begin("a", 0.0)
    first = leases.renew("a", 0.0, kept_to=0, wants=None)
    leases.begin("b", 0.0)
    assert leases.renew("b", 1.0, kept_to=0, wants=None).units == 0
    little = leases.renew("a", 2.0, kept_to=first.number, wants=1)
    leases.renew("a", 3.0, kept_to=little.number, wants=1)
    assert leases.renew("b", 4.0, kept_to=0, wants=None).units == 99


@pytest.mark.parametrize(
    ("rate_per_s", "in_flight", "units", "rate_of_unit_per_s"),
    [(147.0, 2_000, 147, 1.0), (147.9, 2_000, 147, 1.0), (0.5, 2_000, 1, 0.5), (147.0, 3, 3, 1.0)],
)
def test_a_unit_is_a_whole_connection_a_second(
    rate_per_s: float, in_flight: int, units: int, rate_of_unit_per_s: float
) -> None:
    politeness = PolitenessSection(connections_per_s=rate_per_s, in_flight=in_flight)
    assert units_of(politeness) == units
    assert share_of_unit(politeness) * rate_per_s == pytest.approx(rate_of_unit_per_s)


@dataclass
class Asker:
    """A vantage: what it has been told, and what it may be using."""

    name: str
    heard: list[Lease] = field(default_factory=list)
    until_s: float = 0.0

    def in_use(self, now_s: float) -> int:
        return max((lease.units for lease in self.heard), default=0) if now_s < self.until_s else 0

    def keep(self) -> None:
        """Connections that were opened under earlier leases are closed now."""
        self.heard = self.heard[-1:]


ACTIONS = st.tuples(
    st.integers(0, 4),
    st.sampled_from(["renew", "renew", "renew", "reply lost", "keep", "keep", "join", "end", "nothing"]),
    st.floats(0.0, 4.0),
)


@given(st.integers(1, 20), st.integers(1, 6), st.lists(ACTIONS, max_size=60))
def test_units_in_use_never_exceed_those_there_are_whoever_dies_and_whatever_is_lost(
    units: int, most_at_once: int, actions: list[tuple[int, str, float]]
) -> None:
    leases, now_s, joined = Leases(units, most_at_once), 0.0, 0
    askers: dict[int, Asker] = {}
    for place, action, passes_s in actions:
        now_s += passes_s
        asker = askers.get(place)
        if (
            action == "join"
        ):  # whoever was there has died without a word, and goes on asking until its lease ends
            joined += 1
            askers[100 + joined] = askers.pop(place, Asker("nobody"))
            askers[place] = Asker(str(joined))
            leases.begin(str(joined), now_s)
        elif asker is not None and action == "end":
            leases.end(asker.name)
            del askers[place]
        elif asker is not None and action == "keep":
            asker.keep()
        elif asker is not None and action in ("renew", "reply lost"):
            kept_to = asker.heard[0].number if asker.heard else 0
            try:
                lease = leases.renew(asker.name, now_s, kept_to=kept_to, wants=place if place > 2 else None)
            except LeaseLost:
                assert now_s >= asker.until_s
                del askers[place]
                continue
            if action == "renew":
                asker.heard = [*(one for one in asker.heard if one != lease), lease]
                asker.until_s = now_s + LEASE_S
        assert sum(asker.in_use(now_s) for asker in askers.values()) <= leases.charged <= units
