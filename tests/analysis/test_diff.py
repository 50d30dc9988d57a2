"""Two runs compared: equal to a slow count over small worlds, and unknown is never "gone"."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parent))

from two_worlds import (
    Found,
    World,
    address_changes,
    cluster_change,
    cluster_parts,
    key_changes,
    place_changes,
    spki,
    worlds,
)

from mailcensus.analysis.diff import diff
from mailcensus.analysis.snapshot import take_snapshot
from mailcensus.study import StudyError

Rows = list[dict[str, Any]]


def compared(a: World, b: World) -> dict[str, Rows]:
    with TemporaryDirectory() as directory:
        one, two = (world.write(Path(directory) / name) for world, name in ((a, "a"), (b, "b")))
        tables = diff(take_snapshot(one, "a"), take_snapshot(two, "b"))
        return {name: table.to_pylist() for name, table in tables.items()}


def check(a: World, b: World) -> None:
    found = compared(a, b)
    summary = {row["name"]: row for row in found["summary"]}
    places, addresses, keys = place_changes(a, b), address_changes(a, b), key_changes(a, b)
    for kind, changes in (("places", places), ("addresses", addresses), ("keys", keys)):
        counts = Counter(changes.values())
        for name, row in summary.items():
            if name.startswith(f"{kind}_"):
                assert row["value"] == counts.get(name.removeprefix(f"{kind}_"), 0), name
    listed = {"rotated", "renewed", "other_kind", "gone", "appeared"}
    assert {(row["ip"], row["service"]): row["change"] for row in found["place_changes"]} == {
        place: change for place, change in places.items() if change in listed
    }
    assert {row["ip"]: row["change"] for row in found["address_changes"]} == {
        ip: change for ip, change in addresses.items() if change != "kept"
    }
    assert {row["spki_sha256"]: row["change"] for row in found["key_changes"]} == {
        spki(key): change for key, change in keys.items() if change != "kept"
    }
    expected = [cluster_change(part, a, b) for part in cluster_parts(a, b)]
    rows = [{name: row[name] for name in expected[0]} for row in found["cluster_changes"]] if expected else []
    assert sorted(map(repr, rows)) == sorted(map(repr, expected))
    assert len(found["cluster_changes"]) == len(expected)
    check_pairs(a, b, found["cluster_pairs"])
    check_posture(a, b, found["posture"])


def check_pairs(a: World, b: World, rows: Rows) -> None:
    pairs = [
        (len(x[0]), len(y[0]), len(x[0] & y[0]), len(x[1] & y[1]))
        for x in a.clusters() for y in b.clusters() if x[0] & y[0] or x[1] & y[1]
    ]  # fmt: skip
    names = ("hosts_a", "hosts_b", "hosts_both", "keys_both")
    assert sorted(tuple(row[name] for name in names) for row in rows) == sorted(pairs)


def check_posture(a: World, b: World, rows: Rows) -> None:
    said: Counter[tuple[str, str, str, str]] = Counter()
    for (ip, service), one in a.places.items():
        two = b.places.get((ip, service), Found())
        if one.starttls is not None and two.starttls is not None:
            words = {True: "offered", False: "not offered"}
            said[service, "starttls", words[one.starttls], words[two.starttls]] += 1
        if service != "ssh" and one.version and two.version:
            said[service, "tls_version", one.version, two.version] += 1
    found = {(row["service"], row["what"], row["before"], row["after"]): row["hosts"] for row in rows}
    assert found == dict(said)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds(), worlds(day=1))
def test_many_random_worlds_compare_as_a_slow_count_says(a: World, b: World) -> None:
    check(a, b)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 3))])
def test_crowds_of_worlds_compare_as_a_slow_count_says(seed: int) -> None:
    check(crowd(Random(seed), 0), crowd(Random(seed + 100), 1))


def crowd(random: Random, day: int) -> World:
    """Many small worlds beside each other in one run; few share keys."""
    places = {}
    for number in range(150):
        for host in random.sample(range(1, 9), random.randint(1, 8)):
            for service in random.sample(("ssh", "smtp", "imap"), random.randint(1, 3)):
                draw = random.random()
                if draw < 0.75:
                    key = 40 * number + random.randint(0, 12)
                    found = Found(frozenset({key}), random.randint(0, 1), "ok", True, "TLSv1.3")
                else:
                    found = Found(outcome=random.choice(("ok", "refused", "unreachable", "timeout")))
                places[f"127.1.{number}.{host}", service] = found
    swept = frozenset(f"127.1.{number}.{host}" for number in range(0, 150, 2) for host in range(1, 9))
    return World(places, swept, day)


def key(*names: int, certificate: int = 0) -> Found:
    return Found(frozenset(names), certificate)


def summary(a: World, b: World) -> dict[str, int]:
    return {row["name"]: row["value"] for row in compared(a, b)["summary"] if row["value"]}


def test_an_address_that_timed_out_is_unknown_and_not_gone() -> None:
    a = World({("127.0.0.1", "ssh"): key(2)})
    b = World({("127.0.0.1", "ssh"): Found(outcome="timeout")}, day=1)
    found = summary(a, b)
    assert found == {"addresses_unknown_after": 1, "keys_unknown_after": 1}


@pytest.mark.slow
def test_a_network_that_is_unreachable_says_nothing_and_a_refusal_does() -> None:
    a = World({("127.0.0.1", "ssh"): key(2), ("127.0.0.2", "ssh"): key(4)})
    b = World(
        {("127.0.0.1", "ssh"): Found(outcome="unreachable"), ("127.0.0.2", "ssh"): Found(outcome="refused")},
        day=1,
    )
    found = summary(a, b)
    assert (found["addresses_unknown_after"], found["addresses_gone"], found["keys_gone"]) == (1, 1, 1)


@pytest.mark.slow
def test_an_address_that_only_one_population_has_is_not_gone_and_a_swept_one_is_silent() -> None:
    a = World({("127.0.0.1", "ssh"): key(2), ("127.0.0.2", "ssh"): key(4), ("127.0.0.3", "ssh"): key(6)})
    b = World({("127.0.0.3", "ssh"): key(6)}, frozenset({"127.0.0.2", "127.0.0.3"}), day=1)
    found = summary(a, b)
    assert (found["addresses_not_asked_after"], found["addresses_silent_after"]) == (1, 1)
    assert "addresses_gone" not in found


@pytest.mark.slow
def test_the_same_key_in_another_certificate_is_renewed() -> None:
    a, b = (
        World({("127.0.0.1", "smtp"): key(2)}),
        World({("127.0.0.1", "smtp"): key(2, certificate=1)}, day=1),
    )
    assert summary(a, b)["places_renewed"] == 1


@pytest.mark.slow
def test_a_key_is_moved_only_when_it_is_known_to_be_gone_from_where_it_was() -> None:
    a = World({("127.0.0.1", "ssh"): key(2), ("127.0.0.2", "ssh"): key(4)})
    known = World({("127.0.0.1", "ssh"): key(8), ("127.0.0.2", "ssh"): key(2)}, day=1)
    assert summary(a, known)["keys_moved"] == 1
    silent = World({("127.0.0.1", "ssh"): Found(outcome="timeout"), ("127.0.0.2", "ssh"): key(2)}, day=1)
    assert summary(a, silent)["keys_elsewhere"] == 1


@pytest.mark.slow
def test_two_runs_of_one_study_are_compared_and_an_unknown_run_is_named(tmp_path: Path) -> None:
    study = World({("127.0.0.1", "ssh"): key(2)}).write(tmp_path)
    World({("127.0.0.1", "ssh"): key(4)}, day=1).write(tmp_path)
    first, second = World({}).run_id, World({}, day=1).run_id
    tables = diff(take_snapshot(study, "a", first), take_snapshot(study, "b", second))
    assert [row["change"] for row in tables["place_changes"].to_pylist()] == ["rotated"]
    with pytest.raises(StudyError, match=rf"no run 'x' with grabs; there are: {first}, {second}"):
        take_snapshot(study, "a", "x")


@pytest.mark.slow
def test_a_split_is_only_maybe_one_while_the_address_between_is_not_known() -> None:
    links = {1: (2,), 2: (2,), 3: (2, 4), 4: (4,), 5: (4,)}
    a = World({(f"127.0.0.{n}", "ssh"): key(*keys) for n, keys in links.items()})
    rest = {(f"127.0.0.{n}", "ssh"): key(*links[n]) for n in (1, 2, 4, 5)}
    middle = ("127.0.0.3", "ssh")
    changes = [
        compared(a, World({**rest, middle: found}, day=1))["cluster_changes"][0]["change"]
        for found in (key(6), Found(outcome="timeout"))
    ]
    assert changes == ["split", "maybe_split"]
