"""Several studies over borders: equal to a slow count over small worlds."""

from __future__ import annotations

import sys
import xml.etree.ElementTree
from collections import defaultdict
from ipaddress import ip_address
from itertools import combinations, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from two_worlds import Found, World, spki

from mailcensus.analysis.cross import cross
from mailcensus.analysis.cross_graph import Graph, Node, cross_dot, cross_graphml, graph_of
from mailcensus.analysis.snapshot import take_snapshot

Rows = list[dict[str, Any]]


def crossed(worlds: list[World]) -> tuple[dict[str, Rows], Graph]:
    with TemporaryDirectory() as directory:
        studies = [world.write(Path(directory) / str(n)) for n, world in enumerate(worlds)]
        tables, sides = cross([take_snapshot(study, f"s{n}") for n, study in enumerate(studies)])
        return {name: table.to_pylist() for name, table in tables.items()}, graph_of(sides)


def country(random: Random, first: int) -> World:
    """Addresses of its own and a few of its neighbour's, with keys that may be anywhere."""
    places = {}
    for _ in range(60):
        ip = f"127.0.{first + random.randint(0, 1) * (random.random() < 0.1)}.{random.randint(1, 40)}"
        key = random.randint(0, 40) if random.random() < 0.25 else 1000 + first * 1000 + random.randint(0, 60)
        places[ip, random.choice(("ssh", "smtp", "imap"))] = Found(frozenset({key}))
    return World(places, day=first)


def groups_of(world: World) -> list[frozenset[str]]:
    clusters = [ips for ips, _ in world.clusters()]
    lone = {ip for (ip, _), found in world.places.items() if found.keys}.difference(*clusters)
    return [*clusters, *(frozenset({ip}) for ip in lone)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_table_equals_a_slow_count(seed: int) -> None:
    random = Random(seed)
    worlds = [country(random, n) for n in range(3)]
    found, graph = crossed(worlds)
    holders = [world.holders() for world in worlds]
    border = set()
    edges = 0
    for (a, b), row in zip(combinations(range(3), 2), found["study_links"], strict=True):
        keys = {
            key for key in holders[a].keys() & holders[b].keys() if len(holders[a][key] | holders[b][key]) > 1
        }
        border |= keys
        groups_a, groups_b = groups_of(worlds[a]), groups_of(worlds[b])
        links = [
            sum(any(x != y for x, y in product(holders[a][key] & one, holders[b][key] & two)) for key in keys)
            for one in groups_a for two in groups_b
        ]  # fmt: skip
        linked_a = set().union(*(holders[a][key] for key in keys))
        linked_b = set().union(*(holders[b][key] for key in keys))
        edges += sum(count > 0 for count in links)
        shown = [{ip for ips in h.values() for ip in ips} for h in (holders[a], holders[b])]
        assert row == {
            "study_a": f"s{a}", "study_b": f"s{b}", "keys": len(keys),
            "hosts_a": len(linked_a), "hosts_b": len(linked_b),
            "groups_a": sum(bool(group & linked_a) for group in groups_a),
            "groups_b": sum(bool(group & linked_b) for group in groups_b),
            "linked_pairs": sum(count > 0 for count in links), "single_links": sum(count == 1 for count in links),
            "addresses_in_both": len(shown[0] & shown[1]),
        }  # fmt: skip
    assert {row["spki_sha256"] for row in found["border_keys"]} == {spki(key) for key in border}
    assert len(graph.edges) == edges
    everything: dict[int, set[str]] = defaultdict(set)
    for held in holders:
        for key, ips in held.items():
            everything[key] |= ips
    check_superclusters(found["superclusters"], everything, border, worlds)
    for n, row in enumerate(found["border_counts"]):
        others = [holders[m] for m in range(3) if m != n]
        own = {
            key for key in holders[n]
            if any(key in other and len(holders[n][key] | other[key]) > 1 for other in others)
        }  # fmt: skip
        linked = set().union(*(holders[n][key] for key in own))
        assert (row["linked_hosts"], row["border_keys"]) == (len(linked), len(own))


def check_superclusters(
    rows: Rows, holders: dict[int, set[str]], border: set[int], worlds: list[World]
) -> None:
    merged: list[set[str]] = []
    for ips in (ips for ips in holders.values() if len(ips) > 1):
        meeting = [part for part in merged if part & ips]
        merged = [part for part in merged if not part & ips] + [ips.union(*meeting)]
    expected = []
    for part in merged:
        clusters = [ips for world in worlds for ips, _ in world.clusters() if ips <= part]
        in_study = [
            {ip for (ip, _), found in world.places.items() if found.keys and ip in part} for world in worlds
        ]
        expected.append(
            (
                len(part), [f"s{n}" for n, ips in enumerate(in_study) if ips], [len(ips) for ips in in_study if ips],
                len(clusters), sum(len(ips) > 1 and ips <= part for ips in holders.values()),
                sum(holders[key] <= part for key in border), min(part, key=lambda ip: int(ip_address(ip))),
            )
        )  # fmt: skip
    names = ("hosts", "studies", "hosts_by_study", "clusters", "keys", "border_keys", "first_ip")
    assert sorted(tuple(row[name] for name in names) for row in rows) == sorted(expected)
    assert [row["hosts"] for row in rows] == sorted((row["hosts"] for row in rows), reverse=True)


@pytest.mark.slow
def test_an_address_that_two_studies_saw_is_no_link_between_them() -> None:
    place = ("127.0.0.1", "ssh")
    found, graph = crossed(
        [World({place: Found(frozenset({2}))}), World({place: Found(frozenset({2}))}, day=1)]
    )
    (row,) = found["study_links"]
    assert (row["keys"], row["linked_pairs"], row["addresses_in_both"]) == (0, 0, 1)
    assert (found["superclusters"], found["border_keys"], graph.edges) == ([], [], ())


def test_the_graph_is_well_formed_whatever_studies_are_called() -> None:
    odd = 'a<&>"\\b'
    nodes = (Node(f"{odd}/1", odd, 2, "#000000"), Node("b/lone-1", "b", 1, "#000000"))
    graph = Graph(nodes, ((f"{odd}/1", "b/lone-1", 3),))
    root = xml.etree.ElementTree.fromstring(cross_graphml(graph))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert [node.get("id") for node in root.iter(f"{space}node")] == [f"{odd}/1", "b/lone-1"]
    assert [edge.get("source") for edge in root.iter(f"{space}edge")] == [f"{odd}/1"]
    assert '"a<&>\\"\\\\b/1" -- "b/lone-1" [label="3"' in cross_dot(graph)
