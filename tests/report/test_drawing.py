"""Roles, drawings and layouts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from operator import attrgetter

from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.report.drawing import Drawing, Edge, Sighting, hosts_drawing, keys_drawing, roles_of
from mailcensus.report.layout import Blob, place, tree

SERVICES = ("ssh", "smtp", "imap")

sightings = st.dictionaries(
    st.tuples(st.integers(0, 12), st.integers(0, 4)),
    st.sets(st.sampled_from(SERVICES), min_size=1).map(lambda names: tuple(sorted(names))),
    min_size=1,
    max_size=30,
).map(lambda shown: [Sighting(host, key, services) for (host, key), services in shown.items()])


def clones(count: int) -> list[Sighting]:
    return [Sighting(host, 0, ("imap", "smtp")) for host in range(count)]


@given(sightings)
@settings(deadline=None)
def test_the_drawing_of_keys_has_a_line_for_every_sighting(shown: list[Sighting]) -> None:
    drawing = keys_drawing(roles_of(shown))
    drawn = Counter(
        (drawing.nodes[e.one].members[0], drawing.nodes[e.other].members[0], e.pair[0]) for e in drawing.edges
    )
    expected = Counter((s.host, s.key, service) for s in shown for service in s.services)
    assert drawn == expected


@given(sightings)
@settings(deadline=None)
def test_the_host_drawing_has_one_line_per_pair_of_hosts_and_unordered_pair_of_services(
    shown: list[Sighting],
) -> None:
    drawing = hosts_drawing(roles_of(shown), [key % 2 for key in range(5)])
    assert _lines(drawing) == _brute_force(shown)


@given(sightings)
@settings(deadline=None)
def test_a_line_between_hosts_knows_the_readings_of_its_keys(shown: list[Sighting]) -> None:
    """Key by key: what one reading's keys draw alone has the bit, and nothing else has it."""
    readings = [key % 2 for key in range(5)]
    drawn = _lines(hosts_drawing(roles_of(shown), readings), of=lambda edge: edge.readings)
    for reading in (0, 1):
        alone = _brute_force([s for s in shown if readings[s.key] == reading])
        assert {line for line, bits in drawn.items() if bits & 1 << reading} == set(alone)


def _lines(
    drawing: Drawing, of: Callable[[Edge], int] = attrgetter("keys")
) -> dict[tuple[int, int, tuple[str, str]], int]:
    lines = {}
    for edge in drawing.edges:
        one, other = sorted(drawing.nodes[end].members[0] for end in (edge.one, edge.other))
        assert (one, other, edge.pair) not in lines
        lines[one, other, edge.pair] = of(edge)
    return lines


def _brute_force(shown: list[Sighting]) -> dict[tuple[int, int, tuple[str, str]], int]:
    lines: Counter[tuple[int, int, tuple[str, str]]] = Counter()
    for a, b in combinations(sorted(shown, key=lambda s: s.host), 2):
        if a.key == b.key and a.host != b.host:
            pairs = {(min(s, t), max(s, t)) for s in a.services for t in b.services}
            lines.update((a.host, b.host, pair) for pair in pairs)
    return dict(lines)


def test_two_thousand_clones_are_one_node_that_says_so() -> None:
    roles = roles_of(clones(2_000))
    keys = keys_drawing(roles)
    assert [(node.kind, len(node.members)) for node in keys.nodes] == [("key", 1), ("role", 2_000)]
    assert {edge.weight for edge in keys.edges} == {2_000}
    assert "drawn as one node" in keys.remark
    hosts = hosts_drawing(roles, [0])
    assert [edge.pair for edge in hosts.edges] == [("imap", "imap"), ("imap", "smtp"), ("smtp", "smtp")]
    assert {edge.weight for edge in hosts.edges} == {2_000 * 1_999 // 2}


def test_a_large_cluster_draws_its_keys_as_hubs() -> None:
    """Hosts of one key stand together, whatever services show it; the few odd ones alone."""
    services = (("smtp",), ("imap", "smtp"), ("imap",))
    shown = [Sighting(host, 0, services[host % 3]) for host in range(900)]
    shown += [Sighting(host, 1 + host // 300, ("ssh",)) for host in range(900)]
    shown += [Sighting(900, 0, ("smtp",)), Sighting(900, 9, ("ssh",))]
    drawing = keys_drawing(roles_of(shown))
    groups = Counter((node.kind, len(node.members)) for node in drawing.nodes)
    assert groups == {("key", 1): 5, ("role", 300): 3, ("host", 1): 1}
    weights = Counter[str]()
    for edge in drawing.edges:
        weights[edge.pair[0]] += edge.weight
    assert weights == {"ssh": 901, "smtp": 601, "imap": 600}


def test_five_hundred_clones_are_drawn_one_by_one_around_their_key() -> None:
    drawing = keys_drawing(roles_of(clones(500)))
    assert Counter(node.kind for node in drawing.nodes) == {"key": 1, "host": 500}
    assert drawing.remark == ""
    nearest = min(math.dist(a.at, b.at) for a, b in combinations(drawing.nodes, 2))
    assert nearest > 25


def test_a_drawing_never_puts_two_nodes_in_one_place() -> None:
    shown = [
        Sighting(host, key, ("smtp",)) for host in range(60) for key in {0, 1 + host // 3, 40 + host // 7}
    ]
    drawing = keys_drawing(roles_of(shown))
    assert min(math.dist(a.at, b.at) for a, b in combinations(drawing.nodes, 2)) > 10


@given(st.lists(st.integers(1, 90), min_size=3, max_size=40))
@settings(deadline=None)
def test_discs_do_not_overlap(sizes: list[int]) -> None:
    blobs = [Blob(1, weight=size) for size in sizes]
    parents = [None, *(i // 3 for i in range(len(sizes) - 1))]
    centres = [points[0] for points in place(blobs, parents)]
    for i, j in combinations(range(len(sizes)), 2):
        assert math.dist(centres[i], centres[j]) > (blobs[i].radius + blobs[j].radius) * 0.6


@given(st.integers(1, 40))
@settings(deadline=None, max_examples=40)
def test_every_member_gets_a_finite_place(count: int) -> None:
    blobs = [Blob(1 + i % 5) for i in range(count)]
    links = [(i // 2, i + 1) for i in range(count - 1)]
    placed = place(blobs, tree(count, links, root=0))
    assert [len(points) for points in placed] == [blob.size for blob in blobs]
    assert all(math.isfinite(x) and math.isfinite(y) for points in placed for x, y in points)
