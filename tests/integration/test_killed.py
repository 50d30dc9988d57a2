"""kill -9 at random moments of a run: the tables are those of a run that was left alone.

Discovery and collection go on together, slowly enough that kills fall into both; two canaries watch.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asking import asking
from mailcensus.dataset.tables import Dataset
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from mailcensus.lab.verdict import study_toml
from places import own_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

HOSTS = 120
KILLS = 6
# Another run meets other times, ports of a retry and nothing else.
_OF_THE_RUN = {"run_id", "started_at", "seen_at", "duration_ms", "rtt_ms"}
_OF_A_CONNECTION = {"bytes_in", "bytes_out"}


def run_command(directory: Path) -> subprocess.Popen[bytes]:
    """The command a user would run."""
    return subprocess.Popen(
        [sys.executable, "-m", "mailcensus", "run", str(directory), "--quiet"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(directory: Path) -> None:
    """Ask to the end."""
    ended = subprocess.run(asking(directory), capture_output=True, text=True, timeout=250, check=False)
    assert ended.returncode == 0, ended.stderr


def study_at(directory: Path, plan: Plan) -> Path:
    """A study of the lab that flushes often, so that kills fall between flushes and into them."""
    directory.mkdir()
    text = study_toml(plan, directory).replace("connections_per_s = 5000.0", "connections_per_s = 250.0", 1)
    canaries = [host.ip for host in plan.hosts[:2]]
    text += f"\n[canaries]\nhosts = {canaries}\nshare = 0.02\nrest_s = 0.05\n".replace("'", '"')
    (directory / "study.toml").write_text(text.replace("[collect]\n", "[collect]\nflush_s = 0.1\n"))
    return directory


def rows(directory: Path, table: str) -> list[dict[str, Any]]:
    """A table without what only tells one run from another."""
    forgotten = _OF_THE_RUN | _OF_A_CONNECTION
    found = Dataset(directory / "data").table(table).to_pyarrow().to_pylist()
    kept = [{name: value for name, value in row.items() if name not in forgotten} for row in found]
    return sorted(kept, key=repr)


def final_rows(directory: Path) -> list[dict[str, Any]]:
    """The last attempt at each service: how often a peer said "later" may differ where it was killed."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows(directory, "grabs"):
        key = row["ip"], row["service"]
        if key not in last or row["attempt"] > last[key]["attempt"]:
            last[key] = row
    return sorted(({**row, "attempt": None} for row in last.values()), key=repr)


@pytest.fixture(scope="module")
def plan() -> Iterator[Plan]:
    made = make_plan(seed=7, size=HOSTS, block=own_block(3))
    with running(made):
        yield made


@pytest.fixture(scope="module")
def alone(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was left alone."""
    study = study_at(tmp_path_factory.mktemp("left") / "alone", plan)
    finish(study)
    return study


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_it_ends_with_the_same_tables(
    tmp_path: Path, plan: Plan, alone: Path, seed: int
) -> None:
    moments = random.Random(seed)
    killed = study_at(tmp_path / "killed", plan)
    kills = 0
    while kills < KILLS:
        process = run_command(killed)
        time.sleep(moments.uniform(0.8, 3.0))  # from its imports to the middle of its work
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    finish(killed)
    assert kills > 1, "it was over before it could be killed twice; make the lab larger"
    assert final_rows(killed) == final_rows(alone)
    for table in ("hits", "certificates", "keys"):
        assert rows(killed, table) == rows(alone, table)
    seen = [(row["ip"], row["service"], row["attempt"]) for row in rows(killed, "grabs")]
    assert len(seen) == len(set(seen)), "something appears twice"
