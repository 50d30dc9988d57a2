"""A whole report, read as files."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mailcensus.analysis.analyse import analyse
from mailcensus.analysis.catalogue import TABLES
from mailcensus.dataset.tables import Dataset
from mailcensus.model import fields_of, schema_of
from mailcensus.report import build_report
from mailcensus.report.build import build_only
from mailcensus.report.chapter_pages import tables_of
from mailcensus.report.chapters import CHAPTERS, OTHERS
from mailcensus.study import Study
from report.synthetic import (
    Host,
    empty_report,
    empty_study,
    fingerprint,
    leaf,
    mixed_report,
    spki,
    strangers_report,
    study_of,
)

pytestmark = pytest.mark.slow

CLUSTERS = {
    "evidence": [Host(f"10.0.0.{i}", {"ssh": 5, "smtp": 5, "imap": 7}, f"mx{i}.example") for i in (1, 2)],
    "pairs": [Host("10.0.1.1", {"smtp": 15, "imap": 15}), Host("10.0.1.2", {"ssh": 15, "imap": 15})],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_report(tmp_path_factory)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Mapping[str, pa.Table]]:
    """A study of two clusters of two hosts, and its tables; it has its report."""
    study = study_of(
        tmp_path_factory.mktemp("small"), [host for hosts in CLUSTERS.values() for host in hosts]
    )
    dataset = Dataset(study.data)
    tables = analyse(dataset)
    build_report(study, tables, dataset)
    return study, tables


def cluster_page(study: Study, name: str) -> Path:
    """The page of the cluster of these hosts."""
    wanted = {host.ip for host in CLUSTERS[name]}
    pages = (study.report / "clusters").glob("[0-9].html")
    (page,) = (page for page in pages if {host["ip"] for host in graph_of(page)["hosts"]} == wanted)
    return page


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def text_of(path: Path) -> str:
    reader = _Text()
    reader.feed(path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", " ".join(reader.parts))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "data-more")]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def test_the_first_page_answers_with_numerator_and_denominator(report: Path) -> None:
    numbers = {row["name"]: row for row in rows(report / "tables/summary.csv")}
    sharing, keyed = (int(numbers[name]["value"]) for name in ("hosts_sharing", "hosts_with_key"))
    page = text_of(report / "index.html")
    assert f"{sharing} of {keyed} hosts that showed a key" in page
    assert f"{int(numbers['clusters']['value'])} clusters" in page


def test_the_first_page_says_who_asked_whom_from_where_and_when(report: Path) -> None:
    page = text_of(report / "index.html")
    for said in (
        "prefixes in prefixes.txt",
        "special-purpose ranges (RFC 6890) left out",
        "65,536 addresses asked, 600 answered",
        "discover: 256 addresses left out",
        "exclusions.txt",
        "lab-vantage-1",
        "EHLO census.example.org",
        "2026-11-03 08:00:00 UTC to 2026-11-03 15:00:00 UTC",
        "interrupted and taken up again 1 time",
        "profile mailcensus-2026",
        "by mailcensus 0.1.0",
    ):
        assert said in page


def test_every_table_is_a_csv_file_with_all_its_rows_and_columns(report: Path) -> None:
    assert {path.stem for path in (report / "tables").glob("*.csv")} == {spec.name for spec in TABLES}
    clusters = rows(report / "tables/clusters.csv")
    hosts = rows(report / "tables/cluster_hosts.csv")
    assert sum(int(cluster["hosts"]) for cluster in clusters) == len(hosts)


def test_every_table_is_there_in_four_formats_and_in_one_place(report: Path) -> None:
    for spec in TABLES:
        assert pq.read_table(report / f"tables/{spec.name}.parquet").schema == schema_of(spec.row)
        assert rf"\label{{tab:mailcensus:{spec.name.replace('_', '-')}}}" in (
            report / f"tables/{spec.name}.tex"
        ).read_text("utf-8")
        assert all(
            field.doc in html.unescape(text_of(report / f"tables/{spec.name}.html")).replace("\n", " ")
            for field in fields_of(spec.row)
            if "  " not in field.doc
        )
    placed = [spec.name for chapter in (*CHAPTERS, OTHERS) for spec in tables_of(chapter)]
    assert len(placed) == len(set(placed))
    assert set(placed) == {spec.name for spec in TABLES} - {"summary", "cluster_hosts", "cluster_links"}


def test_one_table_alone_can_be_written_anew(
    small: tuple[Study, Mapping[str, pa.Table]], tmp_path: Path
) -> None:
    study = empty_study(tmp_path)
    page = build_only(study, small[1], "cluster_sizes")
    assert "Cluster sizes" in text_of(page)
    assert (study.report / "figures/cluster-sizes.pdf").is_file()
    assert [path.name for path in (study.report / "tables").glob("*.csv")] == ["cluster_sizes.csv"]


def test_every_link_leads_to_a_file_of_the_report(report: Path) -> None:
    for page in [report / "index.html", *report.glob("*/*.html")]:
        reader = _Text()
        reader.feed(page.read_text(encoding="utf-8"))
        for link in reader.links:
            assert not re.match(r"(https?:)?//", link)
            path = link.partition("#")[0]
            assert link == "data:," or not path or (page.parent / path).is_file(), (page, link)


def test_every_cluster_has_a_page_with_its_hosts_and_keys(report: Path) -> None:
    links = rows(report / "tables/cluster_links.csv")
    for number in {row["cluster"] for row in links}:
        own = [row for row in links if row["cluster"] == number]
        graph = graph_of(report / f"clusters/{number}.html")
        assert {host["ip"] for host in graph["hosts"]} == {row["ip"] for row in own}
        assert {key["spki"] for key in graph["keys"]} == {row["spki_sha256"] for row in own}
        assert {row["ip"] for row in rows(report / f"clusters/{number}-hosts.csv")} == {r["ip"] for r in own}


def graph_of(page: Path) -> dict:  # type: ignore[type-arg]
    found = re.search(r'id="graph-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_evidence_names_fingerprints_and_certificates(small: tuple[Study, Mapping[str, pa.Table]]) -> None:
    page = text_of(cluster_page(small[0], "evidence"))
    for said in (
        spki(5),
        fingerprint(5),
        leaf(5),
        spki(7),
        leaf(7),
        "220 mx1.example ESMTP Postfix",
        "until 2027",
    ):
        assert said in page
    assert "One key is shown both as SSH host key and as TLS key" in page
    assert "3 hosts use one key for SSH and TLS" in text_of(small[0].report / "index.html")


def test_parallel_port_pairs_stay_parallel_and_have_no_direction(
    small: tuple[Study, Mapping[str, pa.Table]],
) -> None:
    graph = graph_of(cluster_page(small[0], "pairs"))
    lines = [graph["pairs"][edge[2]]["label"] for edge in graph["views"]["hosts"]["edges"]]
    assert sorted(lines) == ["imap 143", "imap 143 – smtp 25", "imap 143 – ssh 22", "smtp 25 – ssh 22"]


def test_nodes_carry_no_colour_of_their_own(report: Path) -> None:
    for node in graph_of(report / "clusters/1.html")["views"]["keys"]["nodes"]:
        kind, _, _, _, _, _, serious = node
        assert kind in ("host", "role", "key")
        assert serious in (0, 1)


def test_what_strangers_say_stays_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    report = strangers_report(tmp_path_factory)
    for page in [report / "index.html", *report.glob("*/*.html")]:
        text = page.read_text(encoding="utf-8")
        assert '="owned"</script>' not in text
        assert not set(text) & set("\u202e\x1b\u2028")
        reader = _Text()
        reader.feed(text)
        assert "img" not in reader.elements
    for script in report.glob("*/*.js"):
        if script.parent.name != "assets":
            assert "<" not in script.read_text(encoding="utf-8")
    for path in report.glob("*/*.csv"):
        for row in rows(path):
            for value in row.values():
                assert not value.startswith(("=", "+", "-", "@"))
                assert value.isprintable()


def test_an_empty_study_says_what_was_asked_and_what_silence_may_mean(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    index = empty_report(tmp_path_factory)
    page = text_of(index)
    assert "Nothing answered: 65,536 addresses were asked on port 25" in page
    assert "cannot be told apart" in page
    assert not list(index.parent.glob("clusters/*"))


def test_a_new_report_replaces_the_old_one_and_leaves_other_files_alone(
    small: tuple[Study, Mapping[str, pa.Table]],
) -> None:
    study, tables = small
    report = study.report
    (report / "notes.txt").write_text("mine")
    (report / "clusters/999.html").write_text("old")
    build_report(study, tables, Dataset(study.data))
    assert (report / "notes.txt").read_text() == "mine"
    assert not (report / "clusters/999.html").exists()
    assert not (report / ".partial").exists()


def test_the_figure_is_there_as_svg_and_pdf(report: Path) -> None:
    assert (report / "figures/cluster-sizes.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (report / "figures/cluster-sizes.svg").read_text()
    assert "currentColor" in (report / "chapters/clusters.html").read_text()


def test_the_graph_library_comes_with_its_licence(report: Path) -> None:
    assert (report / "assets/cytoscape/cytoscape.min.js").is_file()
    assert "Permission is hereby granted" in (report / "assets/cytoscape/LICENSE").read_text()
