"""A study of a lab that writes down whom it was asked by, for faults to happen to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailcensus.lab.ledger import read_ledger
from mailcensus.lab.material import Material
from mailcensus.lab.plan import Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from mailcensus.lab.truth import Truth, truth_of
from mailcensus.lab.verdict import study_toml
from places import own_block

RATE_PER_S = 250.0
FLUSH_S = 0.1
CONNECT_S = 12.0
"""Patient: what must be found here are faults of ours, and a machine under load may take seconds over a connect."""
PATIENCE_S = 240.0
"""For one command on a machine that others load too."""


class Fault(AssertionError):
    """Something that must hold does not."""


@dataclass(kw_only=True)
class StudyAt:
    """A study, and the commands that a user gives it.

    Attributes:
        began_s: when the clock of those it asks began, by the monotonic clock.
        struck_at_s: when faults came, by that clock: what was asked shortly before may be asked again.
    """

    directory: Path
    began_s: float = 0.0
    struck_at_s: list[float] = field(default_factory=list)

    def start(
        self,
        *words: str,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> subprocess.Popen[str]:
        """A mailcensus command on the study, as a user gives it."""
        quietly = [] if words[0] == "population" else ["--quiet"]
        return subprocess.Popen(
            [sys.executable, "-m", "mailcensus", words[0], str(self.directory), *words[1:], *quietly],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=prepare,
        )

    def run(self, *words: str, status: int = 0) -> str:
        """A command to its end, which must be this one; what it said."""
        process = self.start(*words)
        said = ended(process)
        if process.returncode != status:
            raise Fault(f"mailcensus {' '.join(words)} ended with {process.returncode}, not {status}: {said}")
        return said

    def ask_everybody(self) -> None:
        """What `mailcensus run` asks, without its analysis and report, which take longest."""
        self.run("discover")
        self.run("collect")

    def kill(self, process: subprocess.Popen[str]) -> None:
        """kill -9."""
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            self.struck()
        process.communicate()

    def struck(self) -> None:
        """A fault has come just now."""
        self.struck_at_s.append(time.monotonic() - self.began_s)


@dataclass(kw_only=True)
class Scene(StudyAt):
    """A study of a lab.

    Attributes:
        ledger: the lab's log of what it was asked.
        excluded: an address of the lab that must never be asked.
    """

    plan: Plan
    truth: Truth
    ledger: Path
    excluded: str

    def struck_when_last_asked(self) -> None:
        """A fault has come that ended the asking; the command went on for as long as it takes to end under load."""
        ours = self.ledger.with_suffix(".peer").read_text()
        ends = (visit.closed_s or visit.opened_s for visit in read_ledger(self.ledger) if visit.peer != ours)
        self.struck_at_s.append(max(ends, default=0.0))


def ended(process: subprocess.Popen[str]) -> str:
    """What a command said until its end."""
    try:
        return process.communicate(timeout=PATIENCE_S)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Fault(f"{process.args!r} did not end within {PATIENCE_S:g} s") from None


@contextmanager
def scene(
    directory: Path,
    seed: int,
    *,
    hosts: int = 60,
    block: str | None = None,
    study_directory: Path | None = None,
) -> Iterator[Scene]:
    """A lab that is served, and a study of it, slow enough that faults fall into its work.

    Args:
        block: where they are, if 256 addresses are too few.
        study_directory: where the study is to be, if not below `directory`.
    """
    plan = make_plan(seed=seed, size=hosts, block=block or own_block(3))
    truth = truth_of(plan, Material(plan))
    where = study_directory or directory / "study"
    where.mkdir(exist_ok=True)
    excluded = sorted(truth.responding)[seed % len(truth.responding)]
    (where / "opt-outs.txt").write_text(f"{excluded}\n")
    (where / "study.toml").write_text(_settings(plan, where))
    ledger = directory / "asked.jsonl"
    with running(plan, ledger_path=ledger):
        began_s = _lab_began_s(plan, ledger)
        yield Scene(
            directory=where, began_s=began_s, plan=plan, truth=truth, ledger=ledger, excluded=excluded
        )


def _settings(plan: Plan, directory: Path) -> str:
    text = study_toml(plan, directory)
    for old, new in (
        ("connections_per_s = 5000.0", f"connections_per_s = {RATE_PER_S}"),
        ("timeout_s = 2.0", f"timeout_s = {CONNECT_S}"),
        ("connect_s = 2.0", f"connect_s = {CONNECT_S}"),
        ("[collect]\n", f"[collect]\nflush_s = {FLUSH_S}\n"),
        ("[population]\n", '[population]\nexclusions = ["opt-outs.txt"]\n'),
    ):
        text = text.replace(old, new, 1)
    return text


def _lab_began_s(plan: Plan, ledger: Path) -> float:
    """When the lab's clock began, by ours: both are the kernel's monotonic one, so one visit tells."""
    host = next(host for host in plan.hosts if any(not service.mute for service in host.services))
    service = next(service for service in host.services if not service.mute)
    at_s = time.monotonic()
    with socket.create_connection((host.ip, service.port)) as visitor:
        name = "{}:{}".format(*visitor.getsockname())
    while not (mine := [visit for visit in read_ledger(ledger) if visit.peer == name]):
        if time.monotonic() > at_s + PATIENCE_S:
            raise Fault("the lab does not log")
        time.sleep(0.01)
    ledger.with_suffix(".peer").write_text(name)
    return at_s - mine[0].opened_s
