"""The page of one cluster: what links its hosts, who they are, and what they showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from mailcensus.report.cluster import Cluster, Reading, SharedKey, listed
from mailcensus.report.cluster_choices import Choice, Cloud, choices_of, cloud_of
from mailcensus.report.cluster_files import write_graph_files
from mailcensus.report.cluster_groups import LISTED_MAX, Grouping, by_country, by_system
from mailcensus.report.cluster_tables import hosts_view, keys_view
from mailcensus.report.drawing import Drawing, ServicePair, Sighting, hosts_drawing, keys_drawing, roles_of
from mailcensus.report.evidence import key_evidence
from mailcensus.report.graph_data import graph_data, pair_label, readings_of
from mailcensus.report.palette import stroke_of
from mailcensus.report.table_view import TableView
from mailcensus.report.visible import script_json

_NAMES_LISTED_MAX = 8
_COLOURED_BY = {"as": "AS", "country": "country"}


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line of the legend."""

    pair: int
    label: str
    colour: str
    dash: str
    count: int


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """What the template of a cluster's page needs."""

    cluster: int
    last: int
    """The last cluster that has a page."""
    sentence: str
    reading: Reading
    readings: Sequence[str]
    """reading=hosts, for each reading of its keys."""
    remarks: Sequence[str]
    serious: str | None
    legends: Sequence[tuple[str, Sequence[LegendEntry]]]
    drawing_remarks: Sequence[ServicePair]
    has_roles: bool
    groupings: Sequence[tuple[str, str, Grouping]]
    """Ways to colour hosts: name, title, and the groups. None where nothing is known of any host."""
    groups_listed_max: int
    choices: Sequence[Choice]
    words: Sequence[Cloud]
    keys: TableView
    hosts: TableView
    graph_json: Markup


def cluster_page(cluster: Cluster, folder: Path, *, last: int) -> ClusterPage:
    """Build the page of a cluster and write its CSV files (and further rows) into `folder`."""
    addresses = cluster.addresses
    views = _drawings(cluster, addresses)
    pairs = sorted({edge.pair for view in views.values() for edge in view.edges})
    evidence = key_evidence(cluster.hosts)
    groupings = {"as": by_system(addresses, cluster.places), "country": by_country(addresses, cluster.places)}
    write_graph_files(cluster, addresses, folder)
    serious = [key for key in cluster.keys if key.via == "both"]
    return ClusterPage(
        cluster=cluster.number,
        last=last,
        sentence=_sentence(len(addresses), cluster.keys),
        reading=cluster.reading,
        readings=cluster.readings,
        remarks=_remarks(cluster),
        serious=_serious_sentence(serious),
        legends=[(name, _legend(view, pairs)) for name, view in views.items()],
        drawing_remarks=[(name, view.remark) for name, view in views.items()],
        has_roles=any(node.kind == "role" for view in views.values() for node in view.nodes),
        groupings=[
            (name, _COLOURED_BY[name], grouping) for name, grouping in groupings.items() if grouping.groups
        ],
        groups_listed_max=LISTED_MAX,
        choices=choices_of(cluster, groupings["as"]),
        words=cloud_of(cluster.words),
        keys=keys_view(cluster, evidence, folder),
        hosts=hosts_view(cluster, addresses, folder),
        graph_json=script_json(graph_data(cluster, addresses, views, pairs, groupings, evidence)),
    )


def _drawings(cluster: Cluster, addresses: Sequence[str]) -> dict[str, Drawing]:
    host_number = {ip: i for i, ip in enumerate(addresses)}
    key_number = {key.spki_sha256: i for i, key in enumerate(cluster.keys)}
    roles = roles_of(
        Sighting(host_number[ip], key_number[spki], services) for ip, spki, services in cluster.links
    )
    number = {name: i for i, name in enumerate(readings_of(cluster))}
    reading_of = [number[key.reading.reading] for key in cluster.keys]
    return {"keys": keys_drawing(roles), "hosts": hosts_drawing(roles, reading_of)}


def _sentence(hosts: int, keys: Sequence[SharedKey]) -> str:
    shared = "one key" if len(keys) == 1 else f"{len(keys):,} keys"
    services = list(dict.fromkeys(service for key in keys for service in key.services))
    return f"{hosts:,} hosts are linked by {shared}, shown on {listed(services)}."


def _remarks(cluster: Cluster) -> list[str]:
    names = list(dict.fromkeys(name for host in cluster.hosts.values() for name in host.names))
    if not names:
        return []
    more = f" and {len(names) - _NAMES_LISTED_MAX:,} more" if len(names) > _NAMES_LISTED_MAX else ""
    return [f"Names in their certificates: {', '.join(names[:_NAMES_LISTED_MAX])}{more}."]


def _serious_sentence(serious: Sequence[SharedKey]) -> str | None:
    if not serious:
        return None
    keys = "One key is" if len(serious) == 1 else f"{len(serious):,} keys are"
    return f"{keys} shown both as SSH host key and as TLS key: who holds it can pose as either."


def _legend(view: Drawing, pairs: Sequence[ServicePair]) -> list[LegendEntry]:
    number = {pair: i for i, pair in enumerate(pairs)}
    entries = []
    for pair, count in view.pairs():
        stroke = stroke_of(*pair)
        dash = " ".join(str(length) for length in stroke.dash) or "none"
        entries.append(LegendEntry(number[pair], pair_label(pair), stroke.colour, dash, count))
    return entries
