"""The verbs that compare runs, on small studies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import networkx
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))

from two_worlds import Found, World

from mailcensus.cli.app import APP

A, B = ("127.0.0.1", "ssh"), ("127.0.0.2", "ssh")
TOML = '[study]\nname = "<b>odd</b>"\nallow_special = true\n'


def key(number: int) -> Found:
    return Found(frozenset({number}))


@pytest.fixture
def studies(tmp_path: Path) -> tuple[str, str]:
    """Two studies that share a key; the second has two runs."""
    World({A: key(2), B: key(4)}).write(tmp_path / "one")
    World({A: key(2), B: Found(outcome="timeout")}).write(tmp_path / "two")
    World({A: key(4)}, day=1).write(tmp_path / "two")
    for name in ("one", "two"):
        (tmp_path / name / "study.toml").write_text(TOML)
    return str(tmp_path / "one"), str(tmp_path / "two")


def run(*arguments: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(APP, [*arguments, "--quiet"], catch_exceptions=False)
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.mark.slow
def test_diff_writes_a_page_and_every_table_and_names_are_escaped(
    studies: tuple[str, str], tmp_path: Path
) -> None:
    status, out, _ = run("diff", *studies, "--out", str(tmp_path / "out"))
    assert status == 0
    assert "0 addresses show one of their keys again, 1 show others" in out
    page = (tmp_path / "out" / "index.html").read_text()
    assert "&lt;b&gt;odd&lt;/b&gt;" in page and "<b>odd" not in page  # noqa: PT018
    for name in ("summary", "place_changes", "cluster_changes"):
        rows = pq.read_table(tmp_path / "out" / "tables" / f"{name}.parquet").num_rows
        assert len((tmp_path / "out" / "tables" / f"{name}.csv").read_text().splitlines()) == rows + 1
        assert f'href="tables/{name}.csv"' in page


@pytest.mark.slow
def test_diff_of_one_study_takes_its_two_newest_runs_and_prints_json(studies: tuple[str, str]) -> None:
    status, out, _ = run("diff", studies[1], "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [row["row"]["change"] for row in rows if row["table"] == "place_changes"] == ["rotated"]


@pytest.mark.slow
def test_cross_finds_the_key_that_two_studies_share_and_writes_its_graph(
    studies: tuple[str, str], tmp_path: Path
) -> None:
    status, out, _ = run("cross", *studies, "--out", str(tmp_path / "out"))
    assert status == 0
    assert (
        "2 studies; 1 keys cross borders. Of 1 superclusters 1 have addresses of two or more studies" in out
    )
    graph = (tmp_path / "out" / "cross.graphml").read_text()
    assert "one/lone-1" in graph
    assert "127.0.0" not in graph


@pytest.mark.slow
def test_lifetimes_take_all_runs(studies: tuple[str, str]) -> None:
    status, out, _ = run("lifetimes", studies[1])
    assert status == 0
    assert "2 keys in 2 runs" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("diff", "{one}"), "has 1 run with grabs; name a second study"),
        (("diff", "{one}", "--run", "x"), "--run: given 1 times; give it twice"),
        (("cross", "{one}"), "cross needs two studies or more"),
        (("cross", "{one}", "{one}"), "named twice; name each study once"),
        (("lifetimes", "{one}"), "1 run with grabs; lifetimes need two or more"),
        (("recheck", "{one}", "--cluster", "1"), "has no clusters"),
    ],
)
@pytest.mark.slow
def test_bad_input_gets_one_line(studies: tuple[str, str], arguments: tuple[str, ...], words: str) -> None:
    status, _, err = run(*(argument.format(one=studies[0]) for argument in arguments))
    assert status == 2
    assert words in err


@pytest.mark.slow
def test_export_to_graphml_writes_the_cluster_of_two_addresses_that_share_a_key(tmp_path: Path) -> None:
    World({A: key(2), B: key(2), ("127.0.0.3", "ssh"): key(4)}).write(tmp_path / "study")
    (tmp_path / "study" / "study.toml").write_text(TOML)
    file = tmp_path / "clusters.graphml"
    ended = CliRunner().invoke(
        APP,
        ["export", str(tmp_path / "study"), "--to", "graphml", "--out", str(file)],
        catch_exceptions=False,
    )
    assert (ended.exit_code, ended.stderr) == (0, "1 clusters\n")
    graph = networkx.read_graphml(file, force_multigraph=True)
    label = graph.nodes(data="label")
    assert {(label[one], label[other], service) for one, other, service in graph.edges(data="service")} == {
        ("127.0.0.1", "K1", "ssh"),
        ("127.0.0.2", "K1", "ssh"),
    }
    assert {number for _, number in graph.nodes(data="cluster")} == {1}
