"""The noise floor of a loopback population in which it is known who answers on every port."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.noise import discovery, noise_hits, noise_ports
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.left_out import dataset_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun, stage_row
from mailcensus.dataset.tables import Dataset
from mailcensus.discovery.noise import measure_noise
from mailcensus.model import Noise
from mailcensus.study import Settings, Study
from probe_studies import GENEROUS, put_hits

PORTS = 3
OPTED_OUT = "127.78.0.200"
EVERYWHERE = [f"127.78.0.{host}" for host in range(0, 240, 8)]
"""Addresses that answer on every noise port: 30 of 256."""
ONE_PORT = [f"127.78.0.{host}" for host in range(1, 250, 50)]
TRUE_HITS = [*ONE_PORT[:2], *(f"127.78.0.{host}" for host in range(4, 244, 8))]
HITS = [*EVERYWHERE, *TRUE_HITS]


@pytest.fixture(scope="module")
def listening() -> Iterator[list[int]]:
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < PORTS:
            first = stack.enter_context(socket.create_server((EVERYWHERE[0], 0)))
            ports.append(first.getsockname()[1])
            others = EVERYWHERE[1:] + (ONE_PORT if len(ports) == 1 else [])
            for ip in others:
                stack.enter_context(socket.create_server((ip, ports[-1])))
        yield ports


@pytest.fixture
def study(tmp_path: Path, listening: list[int]) -> Study:
    (tmp_path / "prefixes.txt").write_text("127.78.0.0/24\n")
    (tmp_path / "opt-outs.txt").write_text("127.78.0.200\n")
    settings = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt", "exclusions": ["opt-outs.txt"]},
        "politeness": GENEROUS,
        "discovery": {"timeout_s": 1.0},
        "noise": {"ports": listening, "sample": 100, "check_hits": True},
    }
    return Study(tmp_path, Settings.model_validate(settings))


def measure(study: Study) -> None:
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        if not run.stage("discover").started_at:
            put_hits(run, HITS)
            run.finish(stage_row(run, "discover", study.settings, asked=255, answered=len(HITS)))
        uvloop.run(measure_noise(study, run, lambda _progress: None))


def rows(study: Study) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Dataset(study.data).table("noise").to_pyarrow().to_pylist()
    return found


@pytest.mark.slow
def test_the_estimate_covers_the_truth_and_the_marked_hits_are_those_that_answer_everything(
    study: Study,
) -> None:
    measure(study)
    evidence = gather(dataset_of(study))
    (found,), ports, marked = (
        rows_of(spec, evidence).to_pylist()
        for spec in TABLES
        if spec.function in (discovery, noise_ports, noise_hits)
    )
    everywhere = [ip for ip in EVERYWHERE if ip != OPTED_OUT]
    hits = len(HITS) - 1
    assert (found["asked"], found["hits"], found["noise_sample"]) == (255, hits, 100)
    assert found["noise_share_low"] <= len(everywhere) / 255 <= found["noise_share_high"]
    assert found["corrected_hits_low"] <= len(TRUE_HITS) <= found["corrected_hits_high"]
    assert found["corrected_hits"] == round(hits - found["noise_answering"] * 2.55)
    assert {row["ip"] for row in marked} == set(everywhere)
    assert (found["hits_checked"], found["hits_marked"]) == (hits, len(everywhere))
    assert found["hits_not_marked"] == len(TRUE_HITS)
    assert [row["asked"] for row in ports] == [100] * PORTS
    assert [row["answered"] for row in ports] != [found["noise_answering"]] * PORTS, "some answer on one port"


def test_a_hit_that_opted_out_is_not_asked_and_not_known(study: Study) -> None:
    measure(study)
    assert [(row["answered"], row["sampled"]) for row in rows(study) if row["ip"] == OPTED_OUT] == [
        (None, False)
    ]


def test_the_sample_is_asked_everything_and_hits_no_more_than_it_takes(study: Study) -> None:
    measure(study)
    by_host: dict[tuple[str, bool], list[bool | None]] = {}
    for row in sorted(rows(study), key=lambda row: row["asked_at"]):
        by_host.setdefault((row["ip"], row["sampled"]), []).append(row["answered"])
    sampled = {ip for ip, is_sampled in by_host if is_sampled}
    assert len(sampled) == 100
    assert {ip for ip, is_sampled in by_host if not is_sampled} == set(HITS) - sampled
    for (_, is_sampled), answers in by_host.items():
        assert len(answers) == PORTS or (not is_sampled and not answers[-1])


def test_what_a_kill_left_is_asked_and_nothing_twice(study: Study) -> None:
    measure(study)
    complete = sorted((row["ip"], row["port"], row["sampled"]) for row in rows(study))
    assert len(set(complete)) == len(complete)
    kept = random.Random(7).sample(rows(study), 150)
    for file in (study.data / "noise").iterdir():
        file.unlink()
    PartWriter(study.data, "noise", Noise).write([Noise(**row) for row in kept])
    (study.data / "run.json").write_text((study.data / "run.json").read_text().replace('"done"', '"running"'))
    measure(study)
    again = sorted((row["ip"], row["port"], row["sampled"]) for row in rows(study))
    assert len(set(again)) == len(again)
    assert {row for row in again if row[2]} == {row for row in complete if row[2]}
