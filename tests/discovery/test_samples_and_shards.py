"""Samples and shards as they are swept: who was asked, and what the run's row says. Every address answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.discovery.resumable import discover_in_run
from mailcensus.population import load_population
from mailcensus.study import Settings, Study, StudyError

PREFIX, SIZE = "127.77.0.0/22", 1024


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("0.0.0.0", 0), backlog=2 * SIZE) as listener:
        yield listener.getsockname()[1]


def study_of(directory: Path, port: int, **population: object) -> Study:
    directory.mkdir(exist_ok=True)
    (directory / "prefixes.txt").write_text(f"{PREFIX}\n")
    (directory / "out.txt").write_text("127.77.1.0/24\n")
    settings = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt", **population},
        "politeness": {
            "connections_per_s": 1e6,
            "prefix_connections_per_s": 1e6,
            "prefix_connections": 100,
            "in_flight": 100,
        },
        "discovery": {"ports": [port]},
    }
    return Study(directory, Settings.model_validate(settings))


def sweep(study: Study) -> tuple[list[str], dict[str, Any]]:
    """The hits, and the stage's row."""
    with (
        CurrentRun(study.data, datetime.now(UTC)) as current,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(asyncio.wait_for(discover_in_run(study, current, lambda progress: None), 120))
    dataset = Dataset(study.data)
    (row,) = dataset.table("runs").to_pyarrow().to_pylist()
    return dataset.table("hits").ip.to_pyarrow().to_pylist(), row


def test_a_sample_asks_the_sample_and_its_row_says_of_how_many(tmp_path: Path, port: int) -> None:
    study = study_of(tmp_path, port, sample="25%", exclusions=["out.txt"])
    hits, row = sweep(study)
    assert sorted(hits) == sorted(load_population(study).addresses())
    assert row["asked"] == row["answered"] == len(hits) < SIZE // 4
    assert row["excluded"] == SIZE // 4 - len(hits)
    assert row["sampled_from"] == SIZE - 256


def test_who_asks_everybody_took_no_sample(tmp_path: Path, port: int) -> None:
    hits, row = sweep(study_of(tmp_path, port))
    assert (len(hits), row["asked"], row["sampled_from"]) == (SIZE, SIZE, None)


def test_the_shards_of_several_vantages_find_everybody_once(tmp_path: Path, port: int) -> None:
    swept = [sweep(study_of(tmp_path / str(n), port, shard=f"{n}/3")) for n in (1, 2, 3)]
    found = [ip for hits, _ in swept for ip in hits]
    assert len(found) == len(set(found)) == SIZE
    assert all(row["asked"] == len(hits) and row["excluded"] == 0 for hits, row in swept)
    networks = [{ip.rpartition(".")[0] for ip in hits} for hits, _ in swept]
    assert sum(map(len, networks)) == 4  # no /24 in two shards


def test_another_sample_in_the_middle_of_a_run_is_refused(tmp_path: Path, port: int) -> None:
    with CurrentRun(study_of(tmp_path, port).data, datetime.now(UTC)) as current:
        identity = load_population(study_of(tmp_path, port, sample=10)).order.identity
        current.begin("discover", datetime.now(UTC), identity)
    with pytest.raises(StudyError, match="sources, sample, shard or seed are not what they were"):
        sweep(study_of(tmp_path, port, sample=20))
