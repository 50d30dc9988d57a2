"""What graph.js reads: nodes with their places, lines, and the evidence behind each.

All text in it is meant to be shown: hidden characters are already written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailcensus.report.cluster import Cluster, Reading, SharedKey, clipped
from mailcensus.report.cluster_groups import COLOURS, LISTED_MAX, OTHERS, Grouping
from mailcensus.report.drawing import Drawing, ServicePair
from mailcensus.report.evidence import HostEvidence, KeyEvidence
from mailcensus.report.layout import diameter, host_diameter
from mailcensus.report.palette import stroke_of
from mailcensus.report.visible import visible
from mailcensus.wire.services import SERVICE_BY_NAME

_KEY_DIAMETER = 30.0
_FINGERPRINTS_MAX = 8


def graph_data(
    cluster: Cluster,
    addresses: Sequence[str],
    views: Mapping[str, Drawing],
    pairs: Sequence[ServicePair],
    groupings: Mapping[str, Grouping],
    evidence: Mapping[str, KeyEvidence],
) -> dict[str, Any]:
    """What graph.js reads. All text in it is shown text: hidden characters are already written out."""
    number = {key.spki_sha256: i for i, key in enumerate(cluster.keys)}
    counts = cluster.hosts_per_key()
    readings = readings_of(cluster)
    reading_number = {name: i for i, name in enumerate(readings)}
    # Of a node for many hosts, one of them is told about.
    told = {n.members[0] for view in views.values() for n in view.nodes if n.kind != "key"}
    return {
        "pairs": [_pair_data(pair) for pair in pairs],
        "colours": [*COLOURS, OTHERS],
        "groups": {name: _group_data(grouping) for name, grouping in groupings.items()},
        "readings": [_meaning(reading) for reading in readings.values()],
        "reading": _meaning(cluster.reading) | _support(cluster.reading),
        "views": {name: _view_data(view, pairs, cluster, addresses) for name, view in views.items()},
        "hosts": [
            _host_data(ip, cluster.hosts.get(ip) if i in told else None, number)
            for i, ip in enumerate(addresses)
        ],
        "keys": [
            _key_data(i, key, counts[key.spki_sha256], reading_number[key.reading.reading], evidence)
            for i, key in enumerate(cluster.keys)
        ],
    }


def readings_of(cluster: Cluster) -> dict[str, Reading]:
    """The readings of its keys, by name: each once, that of the most shared key first."""
    readings: dict[str, Reading] = {}
    for key in cluster.keys:
        readings.setdefault(key.reading.reading, key.reading)
    return readings


def _group_data(grouping: Grouping) -> dict[str, Any]:
    labels = [visible(group.label) for group in grouping.groups[:LISTED_MAX]]
    return {"labels": labels, "members": grouping.members}


def _meaning(reading: Reading) -> dict[str, Any]:
    return {"title": reading.title, "meaning": reading.meaning}


def _support(reading: Reading) -> dict[str, Any]:
    return {
        "sureness": reading.sureness,
        "supports": list(reading.supports),
        "doubts": list(reading.doubts),
    }


def _pair_data(pair: ServicePair) -> dict[str, Any]:
    stroke = stroke_of(*pair)
    return {"label": pair_label(pair), "services": pair, "colour": stroke.colour, "dash": stroke.dash}


def _view_data(
    view: Drawing, pairs: Sequence[ServicePair], cluster: Cluster, addresses: Sequence[str]
) -> dict[str, Any]:
    number = {pair: i for i, pair in enumerate(pairs)}
    services = cluster.services_per_host()
    nodes = []
    for node in view.nodes:
        members = node.members
        if node.kind == "key":
            label, size = f"K{members[0] + 1}", _KEY_DIAMETER
            serious = cluster.keys[members[0]].via == "both"
        else:
            label = visible(addresses[members[0]]) if len(members) == 1 else f"{len(members):,}"
            alone = len(members) == 1
            size = host_diameter(services[addresses[members[0]]]) if alone else diameter(len(members))
            serious = False
        nodes.append([node.kind, members, *node.at, round(size, 1), label, int(serious)])
    edges = [[e.one, e.other, number[e.pair], e.weight, e.keys, e.readings] for e in view.edges]
    return {"nodes": nodes, "edges": edges}


def _host_data(ip: str, host: HostEvidence | None, number: Mapping[str, int]) -> dict[str, Any]:
    if host is None:
        return {"ip": visible(ip), "names": [], "services": []}
    return {
        "ip": visible(ip),
        "names": [visible(name) for name in host.names],
        "services": [
            {
                "name": service.service,
                "port": service.port,
                "said": visible(clipped(service.said)) if service.said else "",
                "software": visible(service.software or ""),
                "tls": service.tls_version or "",
                "keys": [number[spki] for spki in service.keys if spki in number],
            }
            for service in host.services
        ],
    }


def _key_data(
    i: int, key: SharedKey, hosts: int, reading: int, evidence: Mapping[str, KeyEvidence]
) -> dict[str, Any]:
    seen = evidence.get(key.spki_sha256, KeyEvidence())
    return {
        "label": f"K{i + 1}",
        "spki": key.spki_sha256,
        "kind": key.kind,
        "hosts": hosts,
        "services": list(key.services),
        "ssh": sorted(seen.ssh_fingerprints)[:_FINGERPRINTS_MAX],
        "certificates": sorted(seen.certificates)[:_FINGERPRINTS_MAX],
        "serious": key.via == "both",
        "reading": reading,
        **_support(key.reading),
    }


def pair_label(pair: ServicePair) -> str:
    """A pair of services in words, with their standard ports."""
    one, other = (service_label(service) for service in pair)
    return one if one == other else f"{one} – {other}"


def service_label(service: str) -> str:
    """A service and its standard port."""
    known = SERVICE_BY_NAME.get(service)
    return f"{service} {known.port}" if known else service
