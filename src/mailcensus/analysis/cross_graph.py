"""The graph of several studies for other programs: groups that keys link over borders. No addresses in it.

A node is a cluster of one study, or a lone address as `lone-1`, `lone-2`; an edge joins two nodes of different
studies and says how many keys they have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailcensus.analysis.graphs import Record, Told, dot_string, graphml
from mailcensus.analysis.side_by_side import SideBySide

_COLOURS = (
    "#4269d0",
    "#efb118",
    "#ff725c",
    "#6cc5b0",
    "#3ca951",
    "#ff8ab7",
    "#a463f2",
    "#97bbf5",
    "#9c6b4e",
    "#9498a0",
)
_TOLD = Told(nodes={"study": "string", "hosts": "int"}, edges={"keys": "int"})
_NODES = """
WITH ends AS (SELECT run_a AS run, group_a AS grp FROM group_links UNION SELECT run_b, group_b FROM group_links)
SELECT run, grp, count(*) AS hosts FROM groups SEMI JOIN ends USING (run, grp) GROUP BY ALL ORDER BY run, grp DESC
"""
_EDGES = "SELECT run_a, group_a, run_b, group_b, keys FROM group_links ORDER BY ALL"


@dataclass(frozen=True, slots=True)
class Node:
    """A group of one study."""

    name: str
    study: str
    hosts: int
    colour: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes, and edges by the names of their ends with the number of keys."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str, int], ...]


def graph_of(sides: SideBySide) -> Graph:
    """The groups that keys link over borders; needs the tables of `cross`."""
    names: dict[tuple[int, int], str] = {}
    nodes, lone = [], 0
    for row in sides.table(_NODES).to_pylist():
        label = sides.snapshots[row["run"]].label
        lone += row["grp"] < 0
        own = f"lone-{lone}" if row["grp"] < 0 else str(row["grp"])
        names[row["run"], row["grp"]] = f"{label}/{own}"
        colour = _COLOURS[row["run"] % len(_COLOURS)]
        nodes.append(Node(f"{label}/{own}", label, row["hosts"], colour))
    rows = sides.table(_EDGES).to_pylist()
    edges = [
        (names[row["run_a"], row["group_a"]], names[row["run_b"], row["group_b"]], row["keys"])
        for row in rows
    ]
    return Graph(tuple(nodes), tuple(edges))


def cross_graphml(graph: Graph) -> str:
    """The graph as GraphML."""
    nodes: list[Record] = [
        {"id": node.name, "study": node.study, "hosts": node.hosts} for node in graph.nodes
    ]
    edges: list[Record] = [
        {"id": f"e{number}", "source": one, "target": other, "keys": keys}
        for number, (one, other, keys) in enumerate(graph.edges)
    ]
    return "".join(graphml("cross", _TOLD, [(nodes, edges)]))


def cross_dot(graph: Graph) -> str:
    """The graph for Graphviz: nodes coloured by study, edges as wide as many keys make them."""
    lines = ["graph cross {", "  node [style=filled, shape=circle, fontsize=9]"]
    lines += [
        f'  {dot_string(node.name)} [fillcolor="{node.colour}", label={dot_string(f"{node.name} ({node.hosts})")}]'
        for node in graph.nodes
    ]
    lines += [
        f'  {dot_string(one)} -- {dot_string(other)} [label="{keys}", penwidth={1 + min(keys, 10) / 2:g}]'
        for one, other, keys in graph.edges
    ]
    return "\n".join([*lines, "}"]) + "\n"
