"""The command, run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mailcensus.cli import main
from mailcensus.cli.lab import write_lab_study
from mailcensus.lab.plan import Cause, Plan
from mailcensus.lab.population import make_plan
from mailcensus.lab.running import running
from places import own_block


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        """The lines of stdout as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Ended]


@pytest.fixture
def mailcensus(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command with arguments; an error that users cannot mend is raised as it is."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        status = ended.value.code
        out, err = capfd.readouterr()
        return Ended(status if isinstance(status, int) else int(status is not None), out, err)

    return run


@pytest.fixture(scope="module")
def lab() -> Iterator[Plan]:
    """A small lab that is being served, without the hosts that make one wait."""
    plan = make_plan(seed=11, size=20, block=own_block(1))
    waiting = (Cause.RATE_LIMITED, Cause.STUCK, Cause.MUTE)
    plan = replace(plan, hosts=tuple(host for host in plan.hosts if host.cause not in waiting))
    with running(plan):
        yield plan


@pytest.fixture
def study(lab: Plan, tmp_path: Path) -> Path:
    """A study of the lab, nothing of it run yet."""
    directory = tmp_path / "study"
    write_lab_study(lab, directory)
    return directory
