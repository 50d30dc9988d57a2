"""Every engine finds exactly who listens among 65,536 addresses behind a cable."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailcensus.dataset.tables import Dataset
from mailcensus.study.template import toml_value
from namespaces import POPULATION, World, need, world

pytestmark = pytest.mark.integration

ENGINES = ("connect", "zmap", "masscan")
FREE = {
    "connections_per_s": 20_000.0,
    "prefix_connections_per_s": 20_000.0,
    "prefix_connections": 2_000,
    "in_flight": 2_000,
}


@pytest.fixture(scope="module")
def quiet_world() -> Iterator[World]:
    need("zmap", "masscan", "ethtool")
    with world() as running:
        yield running


def make_study(directory: Path, sections: dict[str, dict[str, object]], prefixes: str = POPULATION) -> Path:
    """A study of the namespace's addresses; sections go over what makes it quick."""
    (directory / "prefixes.txt").write_text(f"{prefixes}\n")
    settings: dict[str, dict[str, object]] = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt"},
        "politeness": dict(FREE),
        "discovery": {"timeout_s": 2.0, "cooldown_s": 1, "slice_s": 2.0},
        "collect": {"services": ["smtp"]},
    }
    for name, section in sections.items():
        settings.setdefault(name, {}).update(section)
    lines = [
        line
        for name, section in settings.items()
        for line in (f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in section.items()))
    ]
    (directory / "study.toml").write_text("\n".join(lines) + "\n")
    return directory


def via(here: World, engine: str, **discovery: object) -> dict[str, dict[str, object]]:
    """Settings of an engine in a world."""
    way = {} if engine == "connect" else {"interface": here.interface, "gateway_mac": here.gateway_mac}
    return {"discovery": {"engine": engine, **way, **discovery}}


def run(command: list[str], timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def discovered(here: World, directory: Path) -> list[dict[str, Any]]:
    """Discover; the hits."""
    ended = run(here.mailcensus("discover", str(directory), "--quiet"))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return hits_of(directory)


def hits_of(directory: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Dataset(directory / "data").table("hits").to_pyarrow().to_pylist()
    return rows


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_finds_exactly_the_truth(quiet_world: World, engine: str, tmp_path: Path) -> None:
    began = time.time()
    hits = discovered(quiet_world, make_study(tmp_path, via(quiet_world, engine)))
    assert {hit["ip"] for hit in hits} == quiet_world.listening
    assert len(hits) == len(quiet_world.listening)
    assert {(hit["port"], hit["engine"], hit["canary"]) for hit in hits} == {(25, engine, False)}
    assert all(began - 2 <= hit["seen_at"].timestamp() <= time.time() + 1 for hit in hits)
