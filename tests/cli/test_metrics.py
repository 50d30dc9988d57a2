"""`mailcensus metrics`, parsed back by Prometheus' own reader."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailcensus.cli.lab import write_lab_study
from mailcensus.cli.metrics_of_study import StudyMetrics
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.vantage import CanaryLog
from mailcensus.lab.plan import Plan
from mailcensus.model import CanaryAsk, Grab, Pause
from mailcensus.study import Settings, Study

EARLIER = Path(__file__).parents[1] / "dataset" / "data" / "earlier" / "151a0ab"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(study: Path) -> Samples:
    """The samples of a study, without the text between."""
    metrics = StudyMetrics(Study(study, Settings()))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


def grabs_of(samples: Samples) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (dict(labels)["service"], dict(labels)["outcome"]): int(value)
            for (name, labels), value in samples.items()
            if name == "mailcensus_grabs_total"
        }
    )


def on_disk(study: Path) -> Counter[tuple[str, str]]:
    parts = (study / "data" / "grabs").glob("*.parquet")
    return Counter(
        (row["service"], row["outcome"]) for part in parts for row in pq.read_table(part).to_pylist()
    )


def test_once_prints_what_is_on_disk_in_the_form_that_prometheus_reads(
    mailcensus: Any, tmp_path: Path
) -> None:
    shutil.copytree(EARLIER, tmp_path / "study")
    samples = parsed(mailcensus("metrics", tmp_path / "study", "--once").out)
    assert grabs_of(samples) == on_disk(tmp_path / "study")
    assert samples["mailcensus_stage_state", (("stage", "collect"), ("state", "done"))] == 1
    assert samples["mailcensus_stage_position", (("stage", "discover"),)] == 65_536
    assert samples["mailcensus_connections_total", ()] > 65_536
    assert samples["mailcensus_paused", ()] == 0


def test_a_study_without_a_run_has_metrics_too(tmp_path: Path) -> None:
    assert of(tmp_path)["mailcensus_run_readable", ()] == 0


def test_a_damaged_run_file_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "run.json").write_text("{")
    assert of(tmp_path)["mailcensus_run_readable", ()] == 0


def test_a_compaction_changes_no_sum(tmp_path: Path) -> None:
    shutil.copytree(EARLIER, tmp_path / "study")
    study = tmp_path / "study"
    (old,) = (study / "data" / "grabs").iterdir()
    rows = pq.read_table(old)
    old.unlink()
    writer = PartWriter(study / "data", "grabs", Grab)
    for at in range(0, len(rows), 40):
        writer.write_table(rows.slice(at, 40))
    metrics = StudyMetrics(Study(study, Settings()))

    def sums() -> Counter[str]:
        return Counter(
            {
                str(sample.labels): int(sample.value)
                for family in metrics.collect()
                for sample in family.samples
                if sample.name == "mailcensus_grabs_total"
            }
        )

    before = sums()
    writer.compact()
    assert sums() == before
    assert sum(before.values()) == len(rows)


def test_a_pause_is_told_while_it_lasts_and_counted_after(tmp_path: Path) -> None:
    with CurrentRun(tmp_path / "data", NOW) as run:
        run.begin("discover", NOW)
        log = CanaryLog(run.data)

        def ask(seconds: int, answered: bool, paused: bool) -> None:
            at = NOW + timedelta(seconds=seconds)
            log.add(
                CanaryAsk(
                    run_id=run.run_id,
                    at=at,
                    ip="127.0.0.1",
                    port=25,
                    answered=answered,
                    position=1,
                    paused=paused,
                )
            )
            log.flush()

        ask(0, answered=True, paused=True)
        assert of(tmp_path)["mailcensus_paused", ()] == 0
        ask(1, answered=False, paused=False)
        ask(2, answered=False, paused=True)
        during = of(tmp_path)
        assert during["mailcensus_paused", ()] == 1
        assert during["mailcensus_canary_asks_total", (("answered", "no"),)] == 2
        ask(3, answered=True, paused=True)
        pause = Pause(
            run_id=run.run_id,
            silent_since=NOW,
            began_at=NOW,
            ended_at=NOW + timedelta(seconds=30),
            asks=2,
            back_to=0,
            reached=1,
        )
        log.add_pause(pause)
        after = of(tmp_path)
        assert after["mailcensus_paused", ()] == 0
        assert after["mailcensus_pauses_total", ()] == 1
        assert after["mailcensus_pause_seconds", ()] == 30


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "a.example:1"])
def test_a_bad_place_to_listen_is_one_line(mailcensus: Any, tmp_path: Path, listen: str) -> None:
    (tmp_path / "study.toml").write_text("")
    ended = mailcensus("metrics", tmp_path, "--listen", listen)
    assert (ended.status, ended.err) == (
        2,
        f"mailcensus: --listen {listen}: no address and port; for example 127.0.0.1:9464\n",
    )


@contextmanager
def served(study: Path) -> Iterator[str]:
    """The endpoint, in a process of its own; its URL."""
    command = [sys.executable, "-m", "mailcensus", "metrics", str(study), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
        try:
            assert match is not None, said
            yield match[0]
        finally:
            process.send_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_is_scraped_while_a_lab_study_runs(lab: Plan, tmp_path: Path) -> None:
    study = tmp_path / "study"
    write_lab_study(lab, study)
    seen = []
    with served(study) as url:
        for verb in ("discover", "collect"):
            command = [sys.executable, "-m", "mailcensus", verb, str(study), "--quiet"]
            with subprocess.Popen(command) as running:
                while running.poll() is None:
                    with urllib.request.urlopen(url, timeout=30) as answer:
                        seen.append(parsed(answer.read().decode()))
                    time.sleep(0.3)
                assert running.returncode == 0
        with urllib.request.urlopen(url, timeout=30) as answer:
            last = parsed(answer.read().decode())
    assert grabs_of(last) == on_disk(study)
    assert last["mailcensus_stage_state", (("stage", "collect"), ("state", "done"))] == 1
    sums = [sum(grabs_of(samples).values()) for samples in seen]
    assert sums == sorted(sums), "a counter went backwards"
    assert len(seen) > 1
