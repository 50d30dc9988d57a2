"""A packet engine sends no longer than the lease of its vantage says, even where nobody is there to stop it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailcensus.discovery.engines import Answer, Heard, Job, run_engine
from mailcensus.discovery.route import Route
from mailcensus.study import StageFailed
from mailcensus.study.sections import DiscoverySection


@dataclass
class Sleeper:
    """An engine that says it is done, and takes some seconds to end."""

    seconds: float
    name: str = "sleeper"

    def command(self, job: Job) -> list[str]:
        return ["sh", "-c", f"echo done >&2; exec sleep {self.seconds}"]

    def answer(self, line: str) -> Answer | None:
        return None

    def heard(self, line: str) -> Heard:
        return Heard(complete=line == "done")

    def explain(self, talk: str) -> str | None:
        return None


def run(directory: Path, seconds: float, lease: Path | None) -> None:
    """Run it; the loop is blocked once it has begun, as by a slow disk."""
    job = Job(directory / "t", directory / "e", 25, 1.0, 1, Route("lo", None), DiscoverySection())

    async def both() -> None:
        engine = run_engine(Sleeper(seconds), job, lambda answer: None, lambda share: None, lease)
        task = asyncio.ensure_future(engine)
        await asyncio.sleep(0.2)
        time.sleep(1.5)
        await task

    asyncio.run(both())


def lease_for(directory: Path, seconds: float) -> Path:
    lease = directory / "lease"
    lease.write_text(f"{int(time.clock_gettime(time.CLOCK_BOOTTIME) + seconds)}\n")
    return lease


def test_it_is_killed_when_its_lease_has_run_out(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(StageFailed, match="killed from outside"):
        run(tmp_path, 100, lease_for(tmp_path, 1))
    assert time.monotonic() - began < 60


def test_without_the_file_there_is_no_lease(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="killed from outside"):
        run(tmp_path, 100, tmp_path / "lease")


@pytest.mark.parametrize("seconds", [None, 60])
def test_it_ends_by_itself_where_its_lease_allows_that(tmp_path: Path, seconds: float | None) -> None:
    run(tmp_path, 1, None if seconds is None else lease_for(tmp_path, seconds))
