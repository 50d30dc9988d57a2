"""A cluster's graph for other programs, read back by networkx and pydot."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import networkx
import pydot
import pytest

from mailcensus.report.cluster import Cluster, Reading, SharedKey
from mailcensus.report.cluster_files import graphml_of, write_graph_files
from mailcensus.report.cluster_groups import Place
from mailcensus.report.evidence import HostEvidence

HOSTILE = '"><script>\\N\x1b[2J\u202e]]>&"; {}\ud800\ufffe\x00'
READING = Reading("cloned_image", "high", ["hosts=3"], [], [])
KEY, OTHER = "aa" * 32, "bb" * 32
CLUSTER = Cluster(
    number=7,
    keys=[SharedKey(key, "ssh", ["ssh"], "rsa", 2048, None, READING) for key in (KEY, OTHER)],
    links=[
        ("192.0.2.1", KEY, ("imap", "smtp")),
        ("192.0.2.2", KEY, ("smtp",)),
        ("192.0.2.2", OTHER, ("ssh",)),
        ("192.0.2.3", OTHER, ("ssh",)),
    ],
    hosts={"192.0.2.1": HostEvidence("192.0.2.1", [], [HOSTILE])},
    notes={},
    reading=READING,
    readings=["cloned_image=3"],
    places={"192.0.2.1": Place(4_200_000_001, HOSTILE, "IE", None)},
    words=[],
)
LINES = Counter(
    {("192.0.2.1", "K1", "imap"): 1, ("192.0.2.1", "K1", "smtp"): 1, ("192.0.2.2", "K1", "smtp"): 1}
) + Counter({("192.0.2.2", "K2", "ssh"): 1, ("192.0.2.3", "K2", "ssh"): 1})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clusters")
    write_graph_files(CLUSTER, CLUSTER.addresses, folder)
    return folder


def lines_of(graph: networkx.MultiGraph) -> Counter[tuple[str, str, str]]:
    label = graph.nodes(data="label")
    return Counter((label[host], label[key], service) for host, key, service in graph.edges(data="service"))


def test_networkx_reads_all_clusters_out_of_one_graphml_and_keeps_them_apart(tmp_path: Path) -> None:
    file = tmp_path / "all.graphml"
    file.write_text("".join(graphml_of([CLUSTER, replace(CLUSTER, number=8)])), encoding="utf-8")
    graph = networkx.read_graphml(file, force_multigraph=True)
    assert lines_of(graph) == LINES + LINES
    assert [len(part) for part in networkx.connected_components(graph)] == [5, 5]
    assert {number for _, number in graph.nodes(data="cluster")} == {7, 8}


def test_networkx_reads_every_line_out_of_graphml(files: Path) -> None:
    graph = networkx.read_graphml(files / "7.graphml", force_multigraph=True)
    assert lines_of(graph) == LINES
    assert graph.nodes["h0"]["asn"] == 4_200_000_001
    assert graph.nodes["h0"]["services"] == 2
    assert graph.nodes["k0"]["reading"] == "cloned_image"
    assert graph.nodes["k0"]["spki_sha256"] == KEY
    assert "asn" not in graph.nodes["h1"], "unknown is left out"


def test_networkx_reads_every_line_out_of_json(files: Path) -> None:
    graph = networkx.node_link_graph(json.loads((files / "7.json").read_text()), edges="edges")
    assert lines_of(graph) == LINES


def test_pydot_reads_every_line_out_of_dot(files: Path) -> None:
    (graph,) = pydot.graph_from_dot_file(str(files / "7.dot"))
    label = {node.get_name(): node.get("label").strip('"') for node in graph.get_nodes() if node.get("label")}
    drawn = Counter(
        (label[edge.get_source()], label[edge.get_destination()], edge.get("label").strip('"'))
        for edge in graph.get_edges()
    )
    assert drawn == LINES


def test_text_of_strangers_is_shown_text_in_every_file(files: Path) -> None:
    shown = '"><script>\\N\\x1b[2J\\u202e]]>&"; {}\\ud800\\ufffe\\x00'
    assert networkx.read_graphml(files / "7.graphml").nodes["h0"]["as_org"] == shown
    assert json.loads((files / "7.json").read_text())["nodes"][0]["names"] == shown
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    assert f'as_org="{quoted}"' in (files / "7.dot").read_text()
    for file in files.iterdir():
        assert file.read_text().replace("\n", "").isprintable()
