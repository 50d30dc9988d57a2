"""An experiment served by a process of its own, for tests that talk to it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailcensus.dataset.tables import Dataset
from mailcensus.senders.plan import Plan
from mailcensus.senders.planning import plan_experiment
from mailcensus.study import Settings, Study
from mailcensus.study.sections import SendersSection
from mailcensus.study.template import study_toml
from places import fresh_network


@dataclass(frozen=True, slots=True)
class Experiment:
    """A planned one."""

    study: Study
    plan: Plan

    def attempts(self, condition: str) -> list[dict[str, Any]]:
        """What is on disk of one condition, in order of time."""
        rows = Dataset(self.study.data).table("attempts").to_pyarrow().to_pylist()
        return sorted((r for r in rows if r["condition"] == condition), key=lambda row: row["started_at"])

    def recipient(self, condition: str) -> str:
        """Where the one sender's message to a condition goes."""
        return self.plan.recipient(next(token for token in self.plan.tokens if token.condition == condition))


def experiment(directory: Path, *conditions: str, **settings: Any) -> Experiment:
    """Plan one on loopback, on ports that need no root."""
    directory.mkdir(parents=True)
    told = {
        "who": ("one",),
        "reverse_names": False,
        "smtp_port": 20_025,
        "smtps_port": 20_465,
        "https_port": 20_443,
    }
    section = SendersSection(
        domain="exp.example",
        addresses=(f"{fresh_network()}.0/26",),
        conditions=conditions,
        **{**told, **settings},
    )
    (directory / "study.toml").write_text(study_toml(Settings(senders=section)))
    study = Study.open(directory)
    return Experiment(study, plan_experiment(study, datetime.now(UTC)))


@contextmanager
def serving(planned: Experiment, *, kill: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Serve until the block is left.

    Args:
        kill: by SIGKILL, as a crash would.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "mailcensus", "senders", "serve", str(planned.study.directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        yield process
    finally:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        process.communicate(timeout=100)
