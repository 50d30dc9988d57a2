"""The two drawings of a cluster: hosts with the keys they show, and hosts joined by port pairs.

Hosts that show the same keys on the same services are one *role*. Small clusters draw every host. Large ones draw
keys as hubs: hosts that show the same keys, on whatever services, become one node that says how many they are, which
keeps a cluster of thousands readable. Between hosts it is roles that become nodes. What a drawing leaves out it says in
words.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, combinations_with_replacement, pairwise, product
from operator import or_

from mailcensus.report.layout import SPACING, Blob, Point, place, ring, tree

HOSTS_DRAWN_MAX = 600
"""Clusters with more hosts draw groups in the view of hosts and keys."""
PAIRED_HOSTS_MAX = 40
"""Clusters with more hosts draw roles in the host-to-host view, where links grow with the square."""
PAIRED_LINES_MAX = 800
EDGES_MAX = 6_000
ROLE_LINES_MAX = 600
ROLES_MAX = 1_200
_GROUP_SIZE_MIN = 4
"""Smaller groups are drawn host by host even in a large cluster."""

ServicePair = tuple[str, str]
_RoleLink = tuple[int, int, ServicePair]
"""Two roles (or one twice) by number, and a pair of services."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A host shows a shared key on these services."""

    host: int
    key: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """Hosts that show the same keys on the same services."""

    hosts: tuple[int, ...]
    shows: tuple[tuple[int, tuple[str, ...]], ...]
    """Key and services."""


@dataclass(frozen=True, slots=True)
class Node:
    """A host, a role or a key, and where it stands."""

    kind: str
    """host, role or key."""
    members: tuple[int, ...]
    """Numbers of the hosts it stands for; of the key, for a key."""
    at: Point


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes. The pair is sorted, so that it is the same from either end."""

    one: int
    other: int
    pair: ServicePair
    weight: int
    """Pairs of hosts, or hosts, that it stands for."""
    keys: int
    """Keys that make it."""
    readings: int = 0
    """Between hosts: the readings of these keys, a bit for each by its number."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes, edges, and what was left out."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    remark: str

    def pairs(self) -> list[tuple[ServicePair, int]]:
        """Each service pair with its weight, most first."""
        total: Counter[ServicePair] = Counter()
        for edge in self.edges:
            total[edge.pair] += edge.weight
        return sorted(total.items(), key=lambda item: (-item[1], item[0]))


def roles_of(sightings: Iterable[Sighting]) -> list[Role]:
    """Hosts grouped by what they show; larger roles first."""
    shows: defaultdict[int, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for sighting in sightings:
        shows[sighting.host].append((sighting.key, sighting.services))
    hosts: defaultdict[tuple[tuple[int, tuple[str, ...]], ...], list[int]] = defaultdict(list)
    for host in sorted(shows):
        hosts[tuple(sorted(shows[host]))].append(host)
    return sorted(
        (Role(tuple(members), shown) for shown, members in hosts.items()),
        key=lambda role: (-len(role.hosts), role.hosts),
    )


def keys_drawing(roles: Sequence[Role]) -> Drawing:
    """Hosts on the one side, the keys they show on the other."""
    drawn, remark = _drawn_units(roles, one_by_one_max=HOSTS_DRAWN_MAX)
    bundles = _key_bundles(drawn)
    blobs = [Blob(len(bundle)) for bundle in bundles] + [_blob(unit) for unit in drawn]
    where = {key: i for i, bundle in enumerate(bundles) for key in bundle}
    placed = place(blobs, _around_rarest_keys(bundles, drawn, where))
    nodes, number = _key_nodes(bundles, placed)
    edges: list[Edge] = []
    for unit, points in zip(drawn, placed[len(bundles) :], strict=True):
        for members, point in zip(unit.nodes(), points, strict=True):
            edges += [
                Edge(len(nodes), number[key], (service, service), min(hosts, len(members)), 1)
                for (key, service), hosts in unit.shows.items()
            ]
            nodes.append(Node("host" if len(members) == 1 else "role", members, point))
    return Drawing(nodes, edges, remark)


def hosts_drawing(roles: Sequence[Role], reading_of: Sequence[int]) -> Drawing:
    """Hosts joined by one line for each unordered pair of services on which they show the same key.

    Args:
        roles: the hosts.
        reading_of: for each key the number of its reading.
    """
    hosts = sum(len(role.hosts) for role in roles)
    kept = roles[:ROLES_MAX]
    links = _role_links(kept)
    lines = sum(_lines(kept, link) for link in links)
    if hosts <= PAIRED_HOSTS_MAX and lines <= PAIRED_LINES_MAX:
        return _host_by_host(kept, links, _readings(kept, links, reading_of))
    remark = "Hosts that show the same keys on the same services are drawn as one node."
    if len(roles) > ROLES_MAX:
        remark += f" The {ROLES_MAX:,} largest of {len(roles):,} such groups are drawn."
    strongest = sorted(links, key=lambda link: (-_lines(kept, link), link))[:ROLE_LINES_MAX]
    if len(strongest) < len(links):
        remark += (
            f" The {len(strongest):,} lines that stand for the most pairs of hosts are drawn, of {len(links):,};"
            " hosts without one of them are not. The view of hosts and keys shows all."
        )
    return _role_by_role(kept, links, _readings(kept, strongest, reading_of), remark)


@dataclass(frozen=True, slots=True)
class _Unit:
    """Hosts that show the same keys, as they are drawn: host by host, or as one node."""

    hosts: tuple[int, ...]
    shows: Mapping[tuple[int, str], int]
    """Key and service, and how many of the hosts show it there; drawn host by host, all of them do."""
    one_by_one: bool

    @property
    def keys(self) -> list[int]:
        return sorted({key for key, _ in self.shows})

    def nodes(self) -> list[tuple[int, ...]]:
        return [(host,) for host in self.hosts] if self.one_by_one else [self.hosts]


def _drawn_units(roles: Sequence[Role], *, one_by_one_max: int) -> tuple[list[_Unit], str]:
    hosts = sum(len(role.hosts) for role in roles)
    lines = sum(len(role.hosts) * sum(len(services) for _, services in role.shows) for role in roles)
    if hosts <= one_by_one_max and lines <= EDGES_MAX:
        return [_unit([role], one_by_one=True) for role in roles], ""
    units = sorted(_grouped(roles), key=lambda unit: (-len(unit.hosts), unit.hosts))
    remark = "Groups of hosts that show the same keys are drawn as one node, sized by how many they are."
    if len(units) > ROLES_MAX:
        remark += f" The {ROLES_MAX:,} largest of {len(units):,} groups are drawn."
    return units[:ROLES_MAX], remark


def _grouped(roles: Sequence[Role]) -> Iterator[_Unit]:
    alike: defaultdict[tuple[int, ...], list[Role]] = defaultdict(list)
    for role in roles:
        alike[tuple(key for key, _ in role.shows)].append(role)
    for group in alike.values():
        if sum(len(role.hosts) for role in group) < _GROUP_SIZE_MIN:
            yield from (_unit([role], one_by_one=True) for role in group)
        else:
            yield _unit(group, one_by_one=False)


def _unit(roles: Sequence[Role], *, one_by_one: bool) -> _Unit:
    shows: Counter[tuple[int, str]] = Counter()
    for role in roles:
        for key, services in role.shows:
            shows.update({(key, service): len(role.hosts) for service in services})
    return _Unit(tuple(sorted(host for role in roles for host in role.hosts)), shows, one_by_one)


def _blob(unit: _Unit) -> Blob:
    return Blob(len(unit.nodes()), weight=1 if unit.one_by_one else len(unit.hosts))


def _key_bundles(drawn: Sequence[_Unit]) -> list[list[int]]:
    """Keys shown by exactly the same roles stand together."""
    shown_by: defaultdict[int, list[int]] = defaultdict(list)
    for u, unit in enumerate(drawn):
        for key in unit.keys:
            shown_by[key].append(u)
    bundles: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for key in sorted(shown_by):
        bundles[tuple(shown_by[key])].append(key)
    return list(bundles.values())


def _around_rarest_keys(
    bundles: Sequence[Sequence[int]], drawn: Sequence[_Unit], where: Mapping[int, int]
) -> list[int | None]:
    """Parents for the layout: hosts around the rarest key they show, keys around a more shared one.

    The most shared key is in the middle; a key that shares no host with a key placed before it goes there too.
    """
    shared = Counter(dict.fromkeys(range(len(bundles)), 0))
    for unit in drawn:
        shared.update({where[key]: len(unit.hosts) for key in unit.keys})
    rank = {bundle: i for i, (bundle, _) in enumerate(shared.most_common())}
    root = min(rank, key=rank.__getitem__)
    together: set[tuple[int, int]] = set()
    rarest = []
    for unit in drawn:
        own = sorted({where[key] for key in unit.keys}, key=rank.__getitem__)
        together.update(pairwise(own))
        rarest.append(own[-1])
    parents = tree(len(bundles), sorted(together), root)
    return [*parents, *rarest]


def _key_nodes(
    bundles: Sequence[Sequence[int]], placed: Sequence[Sequence[Point]]
) -> tuple[list[Node], dict[int, int]]:
    nodes: list[Node] = []
    number: dict[int, int] = {}
    for bundle, points in zip(bundles, placed, strict=False):
        for key, point in zip(bundle, points, strict=True):
            number[key] = len(nodes)
            nodes.append(Node("key", (key,), point))
    return nodes, number


def _role_links(roles: Sequence[Role]) -> Counter[_RoleLink]:
    """For every two roles (or one with itself) and service pair: how many keys join them so."""
    showing: defaultdict[int, list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for u, role in enumerate(roles):
        for key, services in role.shows:
            showing[key].append((u, services))
    links: Counter[_RoleLink] = Counter()
    for shown in showing.values():
        for u, services in shown:
            if len(roles[u].hosts) > 1:
                links.update((u, u, pair) for pair in combinations_with_replacement(sorted(services), 2))
        for (u, left), (v, right) in combinations(shown, 2):
            links.update((u, v, pair) for pair in {_sorted(a, b) for a, b in product(left, right)})
    return links


def _readings(
    roles: Sequence[Role], links: Iterable[_RoleLink], reading_of: Sequence[int]
) -> dict[_RoleLink, int]:
    """Bits of the readings of the keys behind each of these links."""
    return {link: _reading_bits(roles, link, reading_of) for link in links}


def _reading_bits(roles: Sequence[Role], link: _RoleLink, reading_of: Sequence[int]) -> int:
    u, v, (one, other) = link
    left, right = dict(roles[u].shows), dict(roles[v].shows)
    joining = (
        key
        for key in left.keys() & right.keys()
        if (one in left[key] and other in right[key]) or (other in left[key] and one in right[key])
    )
    return reduce(or_, (1 << reading_of[key] for key in joining))


def _lines(roles: Sequence[Role], link: _RoleLink) -> int:
    """Pairs of hosts that a link stands for."""
    one, other = len(roles[link[0]].hosts), len(roles[link[1]].hosts)
    return one * other if link[0] != link[1] else one * (one - 1) // 2


def _host_by_host(
    roles: Sequence[Role], links: Counter[_RoleLink], readings: Mapping[_RoleLink, int]
) -> Drawing:
    """Every host on one circle, so that no line passes under a host."""
    hosts = [host for role in roles for host in role.hosts]
    number = {host: i for i, host in enumerate(hosts)}
    circle = ring(len(hosts), max(SPACING * 2.2, SPACING * 1.5 * len(hosts) / (2 * math.pi)))
    nodes = [Node("host", (host,), point) for host, point in zip(hosts, circle, strict=True)]
    edges: list[Edge] = []
    for (u, v, pair), keys in sorted(links.items()):
        ends = product(roles[u].hosts, roles[v].hosts) if u != v else combinations(roles[u].hosts, 2)
        edges += [Edge(number[a], number[b], pair, 1, keys, readings[u, v, pair]) for a, b in ends]
    return Drawing(nodes, edges, "")


def _role_by_role(
    roles: Sequence[Role], links: Counter[_RoleLink], drawn: Mapping[_RoleLink, int], remark: str
) -> Drawing:
    """The links in `drawn`, which holds the readings of each."""
    ends = sorted({end for u, v, _ in drawn for end in (u, v)})
    number = {role: i for i, role in enumerate(ends)}
    joined = sorted({(number[u], number[v]) for u, v, _ in drawn if u != v})
    blobs = [Blob(1, weight=len(roles[end].hosts)) for end in ends]
    placed = place(blobs, tree(len(blobs), joined, max(range(len(blobs)), key=lambda i: blobs[i].weight)))
    nodes = [
        Node("host" if len(roles[end].hosts) == 1 else "role", roles[end].hosts, points[0])
        for end, points in zip(ends, placed, strict=True)
    ]
    edges = [
        Edge(number[u], number[v], pair, _lines(roles, (u, v, pair)), links[u, v, pair], readings)
        for (u, v, pair), readings in drawn.items()
    ]
    return Drawing(nodes, edges, remark)


def _sorted(one: str, other: str) -> ServicePair:
    return (one, other) if one <= other else (other, one)
