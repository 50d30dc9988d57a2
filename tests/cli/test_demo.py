"""`mailcensus demo` and `mailcensus lab`; the whole demo is in tests/integration."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mailcensus.lab.population import make_plan
from mailcensus.lab.truth import truth_from_json, truth_of
from mailcensus.lab.verdict import Line, Verdict
from mailcensus.study import Study
from places import own_block


@contextmanager
def no_lab(plan: Any, *, truth_path: Path) -> Any:
    """Stands for a lab that is being served."""
    truth_path.write_text(truth_of(plan).to_json())
    yield 0


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets a demo end with a verdict."""

    def set_verdict(*, equal: bool) -> None:
        line = Line(what="clusters", expected="2", found="2" if equal else "1", equal=equal)
        monkeypatch.setattr("mailcensus.cli.demo.running", no_lab)
        monkeypatch.setattr("mailcensus.cli.demo._study", lambda *_: (Verdict((line,)), Path("page")))

    return set_verdict


def test_a_demo_that_differs_from_the_truth_is_status_1(mailcensus: Any, tmp_path: Path, judged: Any) -> None:
    judged(equal=True)
    ended = mailcensus("demo", tmp_path / "demo", "--size", 9)
    assert (ended.status, ended.out.splitlines()[-2:]) == (0, ["1 of 1 comparisons equal the truth", "page"])
    judged(equal=False)
    ended = mailcensus("demo", tmp_path / "demo", "--size", 9, "-q")
    assert (ended.status, ended.err) == (1, "")
    assert "DIFFERS" in ended.out


def test_a_demo_replaces_what_a_demo_made_and_nothing_else(
    mailcensus: Any, tmp_path: Path, judged: Any
) -> None:
    judged(equal=True)
    demo = tmp_path / "demo"
    assert mailcensus("demo", demo, "--size", 9).status == 0
    (demo / "data").mkdir()
    (demo / "data" / "old").touch()
    (demo / "notes.txt").write_text("mine")
    assert mailcensus("demo", demo, "--size", 9).status == 0
    assert not (demo / "data").exists()
    assert (demo / "notes.txt").read_text() == "mine"


def test_a_demo_touches_no_directory_that_is_not_one(mailcensus: Any, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("# mine")
    ended = mailcensus("demo", tmp_path)
    assert (ended.status, ended.err) == (
        2,
        f"mailcensus: {tmp_path}: not empty and not a demo; name another: mailcensus demo DIR\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]
    ended = mailcensus("demo", tmp_path / "study.toml")
    assert (ended.status, ended.err.count("\n")) == (2, 1)


def test_lab_truth_prints_the_answer_sheet(mailcensus: Any) -> None:
    ended = mailcensus("lab", "truth", "--size", 12, "--seed", 3, "--block", "127.9.0.0/24")
    assert truth_from_json(ended.out) == truth_of(make_plan(3, 12, block="127.9.0.0/24"))
    assert mailcensus("lab", "truth", "--size", 0).status == 2


def test_lab_serve_writes_a_study_and_serves_until_told_to_stop(mailcensus: Any, tmp_path: Path) -> None:
    block, study, ledger = own_block(2), tmp_path / "study", tmp_path / "ledger.jsonl"
    command = [
        "lab",
        "serve",
        "--size",
        "3",
        "--block",
        block,
        "--study",
        str(study),
        "--ledger",
        str(ledger),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "mailcensus", *command], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        host = next(host for host in make_plan(size=3, block=block).hosts if host.services)
        port = host.services[0].port
        (record,) = mailcensus(
            "grab", f"{host.ip}:{port}", "--protocol", host.services[0].name, "--json"
        ).json
        assert record["bytes_in"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    assert Study.open(study).settings.study.allow_special
    assert json.loads(ledger.read_text().splitlines()[0])["ip"] == host.ip
    assert mailcensus("lab", "serve", "--study", study).status == 2
