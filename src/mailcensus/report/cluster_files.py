"""A cluster's graph of hosts and keys for other programs: node-link JSON, GraphML and DOT.

All three hold every host, every shared key and one line for each service on which a host shows a key, whatever the
drawing leaves out. Lines between the same two nodes are several lines with ids of their own: readers that keep one
line per pair of nodes would lose services. Text of strangers is written as it is shown (`wire.visible`), so that no
control character reaches a file. GraphML's form is in `analysis.graphs`.

Source of the node-link form: networkx and d3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mailcensus.analysis.graphs import Record, Told, Value, dot_string, graphml
from mailcensus.report.cluster import Cluster
from mailcensus.report.cluster_groups import NOWHERE
from mailcensus.report.palette import stroke_of
from mailcensus.report.visible import visible

_NODE_TYPES = {
    "kind": "string", "label": "string", "services": "int", "names": "string", "asn": "long", "as_org": "string",
    "country": "string", "ptr": "string", "spki_sha256": "string", "key": "string", "reading": "string",
    "confidence": "string", "hosts": "int",
}  # fmt: skip
_TOLD = Told(_NODE_TYPES, edges={"service": "string"})


def write_graph_files(cluster: Cluster, addresses: Sequence[str], folder: Path) -> None:
    """Write `<number>.json`, `.graphml` and `.dot` into `folder`."""
    nodes = list(_nodes(cluster, addresses))
    lines = list(_lines(cluster, addresses))
    writers: Mapping[str, Callable[[int, Sequence[Record], Sequence[Record]], Iterator[str]]] = {
        "json": _json,
        "graphml": _graphml,
        "dot": _dot,
    }
    for ending, write in writers.items():
        text = "".join(write(cluster.number, nodes, lines))
        (folder / f"{cluster.number}.{ending}").write_text(text, encoding="utf-8")


def _nodes(cluster: Cluster, addresses: Sequence[str]) -> Iterator[Record]:
    """Unknown properties are left out."""
    counts = cluster.hosts_per_key()
    shown = cluster.services_per_host()
    for i, ip in enumerate(addresses):
        place, host = cluster.places.get(ip, NOWHERE), cluster.hosts.get(ip)
        yield _known(
            id=f"h{i}",
            kind="host",
            label=ip,
            services=shown[ip],
            names=" ".join(host.names) if host else None,
            asn=place.asn,
            as_org=place.as_org,
            country=place.country,
            ptr=place.ptr,
        )
    for i, key in enumerate(cluster.keys):
        yield _known(
            id=f"k{i}",
            kind="key",
            label=f"K{i + 1}",
            spki_sha256=key.spki_sha256,
            key=key.kind,
            reading=key.reading.reading,
            confidence=key.reading.confidence,
            hosts=counts[key.spki_sha256],
        )


def _known(**values: Value | None) -> Record:
    return {
        name: visible(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None and value != ""
    }


def _lines(cluster: Cluster, addresses: Sequence[str]) -> Iterator[Record]:
    host_number = {ip: i for i, ip in enumerate(addresses)}
    key_number = {key.spki_sha256: i for i, key in enumerate(cluster.keys)}
    shown = ((ip, spki, service) for ip, spki, services in cluster.links for service in services)
    for i, (ip, spki, service) in enumerate(shown):
        yield {
            "id": f"e{i}",
            "source": f"h{host_number[ip]}",
            "target": f"k{key_number[spki]}",
            "key": service,
            "service": service,
        }


def _json(number: int, nodes: Sequence[Record], lines: Sequence[Record]) -> Iterator[str]:
    """What `networkx.node_link_graph` reads."""
    graph = {"name": f"cluster {number}"}
    whole = {"directed": False, "multigraph": True, "graph": graph, "nodes": nodes, "edges": lines}
    yield json.dumps(whole, separators=(",", ":"))
    yield "\n"


def graphml_of(clusters: Iterable[Cluster]) -> Iterator[str]:
    """All clusters as one GraphML text, in pieces: as the file of each, with its number in ids and at its nodes."""
    told = Told({"cluster": "int", **_TOLD.nodes}, _TOLD.edges)
    return graphml("clusters", told, (_part_of(cluster) for cluster in clusters))


def _part_of(cluster: Cluster) -> tuple[list[Record], list[Record]]:
    number, addresses = cluster.number, cluster.addresses
    nodes: list[Record] = [
        {**node, "id": f"{number}-{node['id']}", "cluster": number} for node in _nodes(cluster, addresses)
    ]
    ends = ("id", "source", "target")
    lines: list[Record] = [
        {**line, **{end: f"{number}-{line[end]}" for end in ends}} for line in _lines(cluster, addresses)
    ]
    return nodes, lines


def _graphml(number: int, nodes: Sequence[Record], lines: Sequence[Record]) -> Iterator[str]:
    return graphml(f"cluster-{number}", _TOLD, [(nodes, lines)])


def _dot(number: int, nodes: Sequence[Record], lines: Sequence[Record]) -> Iterator[str]:
    yield f'graph "cluster {number}" {{\n  node [shape=ellipse];\n'
    for node in nodes:
        shape = {"shape": "diamond"} if node["kind"] == "key" else {}
        # `key` names a keyword of nothing in DOT, yet means a multigraph's key to its readers.
        told = {"key_kind" if name == "key" else name: value for name, value in node.items() if name != "id"}
        yield f"  {node['id']} [{_attributes({**told, **shape})}];\n"
    for line in lines:
        service = str(line["service"])
        stroke = stroke_of(service, service)
        yield f"  {line['source']} -- {line['target']} [{_attributes({'label': service, 'color': stroke.colour})}];\n"
    yield "}\n"


def _attributes(record: Record) -> str:
    return " ".join(f"{name}={dot_string(str(value))}" for name, value in record.items())
