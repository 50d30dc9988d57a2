"""A lab in a process of its own, for demos and tests whose clients must not wait for its event loop."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailcensus.lab.plan import Plan
from mailcensus.study import StudyError

_STOP_S = 10.0


@contextmanager
def running(
    plan: Plan, *, truth_path: Path | None = None, ledger_path: Path | None = None, wildcard: bool = False
) -> Iterator[int]:
    """Serve a plan in a process of its own while the context lasts; gives its process id. See `serve.serve`.

    Raises:
        StudyError: the lab did not come up; its own words.
    """
    with tempfile.TemporaryDirectory(prefix="mailcensus-lab-") as directory:
        plan_path = Path(directory) / "plan.json"
        plan_path.write_text(plan.to_json(), encoding="utf-8")
        complaints = Path(directory) / "stderr"  # a file, since nobody would empty a pipe while it serves
        with complaints.open("w") as stderr:
            process = subprocess.Popen(
                _command(plan_path, truth_path, ledger_path, wildcard),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        with process:
            try:
                _wait_until_ready(process, complaints)
                yield process.pid
            finally:
                _stop(process)


def _command(plan_path: Path, truth_path: Path | None, ledger_path: Path | None, wildcard: bool) -> list[str]:
    command = [sys.executable, "-m", "mailcensus.lab.serve", "--plan", str(plan_path)]
    for option, path in (("--truth", truth_path), ("--ledger", ledger_path)):
        if path is not None:
            command += [option, str(path)]
    return [*command, "--wildcard"] if wildcard else command


def _wait_until_ready(process: subprocess.Popen[str], complaints: Path) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.wait(_STOP_S)
        raise StudyError(complaints.read_text().strip() or "lab: it ended before it was ready")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
