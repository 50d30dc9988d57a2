"""Graphs for other programs: GraphML, and strings of Graphviz's DOT.

Text of strangers is written as it is shown (`wire.visible`): no control character reaches a file, and XML has no way
to hold one.

Sources: GraphML 1.0 (http://graphml.graphdrawing.org/specification.html), the DOT language
(https://graphviz.org/doc/info/lang.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from mailcensus.wire.visible import visible

Value = str | int
Record = Mapping[str, Value]
"""A node with its `id`, or an edge with its `id` and the ids of its ends as `source` and `target`; and what is told of
it. What is not known is left out."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of nodes and of edges: names and their types (string, int, long), in the order of the file."""

    nodes: Mapping[str, str]
    edges: Mapping[str, str]


def graphml(
    name: str, told: Told, parts: Iterable[tuple[Iterable[Record], Iterable[Record]]]
) -> Iterator[str]:
    """An undirected graph as GraphML, in pieces.

    Args:
        name: id of the graph.
        told: what of each record is written.
        parts: nodes and edges, some after others; an edge comes no earlier than its ends.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    for of, types in (("node", told.nodes), ("edge", told.edges)):
        for field, kind in types.items():
            yield f'<key id="{of}-{field}" for="{of}" attr.name="{field}" attr.type="{kind}"/>\n'
    yield f'<graph{_attributes({"id": name})} edgedefault="undirected">\n'
    for nodes, edges in parts:
        yield from (_element("node", ("id",), node, told.nodes) for node in nodes)
        yield from (_element("edge", ("id", "source", "target"), edge, told.edges) for edge in edges)
    yield "</graph>\n</graphml>\n"


def dot_string(text: str) -> str:
    """A quoted string of DOT. A backslash is doubled: labels read `\\n` and the like as escapes."""
    return '"' + visible(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _element(of: str, names: tuple[str, ...], record: Record, types: Mapping[str, str]) -> str:
    data = "".join(
        f'<data key="{of}-{name}">{escape(visible(str(record[name])))}</data>'
        for name in types
        if name in record
    )
    return f"<{of}{_attributes({name: record[name] for name in names})}>{data}</{of}>\n"


def _attributes(values: Record) -> str:
    return "".join(f" {name}={quoteattr(visible(str(value)))}" for name, value in values.items())
