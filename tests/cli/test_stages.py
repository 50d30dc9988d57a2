"""`mailcensus run`, `discover`, `collect`, `analyse` and `report`."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.writing import read_tables
from mailcensus.dataset.run import CurrentRun
from mailcensus.lab.plan import Plan
from mailcensus.lab.truth import truth_of
from mailcensus.study import Study

pytestmark = pytest.mark.slow


def rows(study: Path, table: str) -> list[dict[str, Any]]:
    """A table as a reader without our package sees it."""
    parts = sorted((study / "data" / table).glob("*.parquet"))
    return [row for part in parts for row in pyarrow.parquet.read_table(part).to_pylist()]


def silent(ended: Any) -> bool:
    """It went well and said nothing."""
    return (ended.status, ended.out, ended.err) == (0, "", "")


def contents(study: Path) -> dict[Path, tuple[int, bytes]]:
    """Every file of a study with its time."""
    files = [path for path in study.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_run_goes_from_nothing_to_a_report_and_once_complete_changes_nothing(
    mailcensus: Any, study: Path, lab: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = mailcensus("run", study)
    assert (ended.status, ended.out) == (0, f"{study}/report/index.html\n")
    assert {row["ip"] for row in rows(study, "hits")} == set(truth_of(lab).responding)
    assert "<html" in (study / "report" / "index.html").read_text()
    stages = [row["stage"] for row in rows(study, "runs")]
    assert (stages[:2], stages[-2:]) == (["discover", "collect"], ["chains", "check_keys"])
    assert "discover: 256/256 addresses" in ended.err
    before = contents(study)

    again = mailcensus("run", study, "--json")
    assert again.status == 0
    assert "is complete; nothing to do" in again.err
    assert contents(study) == before
    (summary,) = again.json
    assert summary["report"] == f"{study}/report/index.html"
    assert summary["summary"]["hits"] == len(truth_of(lab).responding)
    assert summary["run_id"] == rows(study, "runs")[0]["run_id"]

    (study / "report" / "index.html").unlink()
    built = []
    monkeypatch.setattr("mailcensus.cli.run.run_analysis", lambda *_, **__: {})
    monkeypatch.setattr("mailcensus.cli.run.run_report", lambda *_, **__: built.append("report") or "page")
    assert mailcensus("run", study, "--quiet").out == "page\n"
    assert built == ["report"]


def test_the_stages_one_by_one(
    mailcensus: Any, study: Path, lab: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = mailcensus("collect", study)
    assert (ended.status, ended.err) == (
        2,
        f"mailcensus: {study}: discovery is not done; run: mailcensus discover {study}\n",
    )
    assert silent(mailcensus("discover", study, "--quiet"))
    assert "is done already; next: mailcensus collect" in mailcensus("discover", study).err
    ended = mailcensus("analyse", study)
    assert (ended.status, ended.err) == (
        2,
        f"mailcensus: {study}: nothing has been collected yet; run: mailcensus run {study}\n",
    )
    assert silent(mailcensus("collect", study, "-q"))
    assert "is done already; next: mailcensus report" in mailcensus("collect", study).err
    ended = mailcensus("analyse", study)
    clusters = len(truth_of(lab).clusters)
    assert ["clusters", str(clusters)] in [line.split()[:2] for line in ended.out.splitlines()]
    assert ended.err == f"all tables are in {study}/data/analysis\n"

    made = read_tables(study / "data" / "analysis")
    monkeypatch.setattr("mailcensus.cli.analyse.run_analysis", lambda *_, **__: made)
    printed = mailcensus("analyse", study, "--table", "clusters", "--json").json
    assert len(printed) == clusters
    assert mailcensus("analyse", study, "--table", "clusters", "--csv").out.startswith('"cluster","hosts",')
    assert r"\caption{Clusters." in mailcensus("analyse", study, "--table", "clusters", "--latex").out
    everything = mailcensus("analyse", study, "--json").json
    assert [line["row"] for line in everything if line["table"] == "clusters"] == printed
    with (study / "data" / "analysis" / "clusters.csv").open() as file:
        assert [row["cluster"] for row in csv.DictReader(file)] == [str(row["cluster"]) for row in printed]


def test_a_table_that_is_not_there_is_refused_with_those_that_are(mailcensus: Any, study: Path) -> None:
    ended = mailcensus("analyse", study, "--table", "nope")
    assert ended.status == 2
    assert "--table nope: no such table; there are: summary, " in ended.err


def test_a_study_in_which_nobody_answers_has_a_report_that_says_so(
    mailcensus: Any, study: Path, tmp_path: Path
) -> None:
    (study / "prefixes.txt").write_text("127.199.7.0/30\n")
    ended = mailcensus("run", study)
    assert ended.status == 0
    assert "4/4 addresses" in ended.err
    assert "4 addresses asked" in (study / "report" / "index.html").read_text()


def test_a_study_that_never_ran_has_a_report_too(mailcensus: Any, study: Path) -> None:
    ended = mailcensus("report", study)
    assert (ended.status, ended.out) == (0, f"{study}/report/index.html\n")
    assert "Nothing has been asked yet" in (study / "report" / "index.html").read_text()


def test_settings_that_make_no_sense_are_refused_before_anybody_is_asked(
    mailcensus: Any, study: Path
) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace('"smtp"', '"smpt"', 1))
    ended = mailcensus("run", study)
    assert (ended.status, ended.err) == (
        2,
        f"mailcensus: {path}: collect.services: no service 'smpt'; `mailcensus ports` lists them\n",
    )
    assert not (study / "data").exists()


def test_a_second_command_on_the_same_study_is_told_so(mailcensus: Any, study: Path) -> None:
    opened = Study.open(study)
    with CurrentRun(opened.data, datetime(2026, 11, 22, tzinfo=UTC)):
        ended = mailcensus("discover", study)
    assert ended.status == 2
    assert "another mailcensus is writing to this study" in ended.err


def test_a_job_that_fails_is_status_1(mailcensus: Any, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailcensus.analysis.analyse.TABLES", TABLES[:1])
    (study / "data").mkdir()
    (study / "data" / "analysis").write_text("in the way")
    ended = mailcensus("report", study)
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert "tables cannot be written" in ended.err


def test_a_bug_stays_a_traceback(mailcensus: Any, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr("mailcensus.cli.report.run_analysis", bug)
    with pytest.raises(LookupError, match="a bug"):
        mailcensus("report", study)


def slow(study: Path) -> None:
    """Make a study ask so slowly that it can be interrupted, and write what it has at once."""
    path = study / "study.toml"
    text = path.read_text().replace("connections_per_s = 5000.0", "connections_per_s = 10.0", 1)
    path.write_text(text.replace("[collect]\n", "[collect]\nflush_s = 0.05\n"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_so_and_the_same_command_goes_on(
    mailcensus: Any, study: Path, number: signal.Signals
) -> None:
    assert mailcensus("discover", study, "-q").status == 0
    fast = (study / "study.toml").read_text()
    slow(study)
    process = subprocess.Popen(
        [sys.executable, "-m", "mailcensus", "collect", str(study)], stderr=subprocess.PIPE, text=True
    )
    give_up = time.monotonic() + 120
    while not rows(study, "grabs"):
        assert time.monotonic() < give_up
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert said.endswith("mailcensus: interrupted; run the same command again to go on\n")
    assert "Traceback" not in said
    before = len(rows(study, "grabs"))
    assert json.loads((study / "data" / "run.json").read_text())["stages"]["collect"]["state"] == "running"

    (study / "study.toml").write_text(fast)
    assert mailcensus("collect", study, "-q").status == 0
    grabs = rows(study, "grabs")
    assert len(grabs) > before
    asked = Counter((row["ip"], row["service"], row["attempt"]) for row in grabs)
    assert set(asked.values()) == {1}
    hits = {row["ip"] for row in rows(study, "hits")}
    services = Study.open(study).settings.collect.services
    assert {(ip, service) for ip, service, _ in asked} == {(ip, name) for ip in hits for name in services}


def test_a_population_that_changed_under_a_run_is_refused_and_put_back_goes_on(
    mailcensus: Any, study: Path, lab: Plan
) -> None:
    fast = (study / "study.toml").read_text()
    slow(study)
    process = subprocess.Popen([sys.executable, "-m", "mailcensus", "discover", str(study), "-q"])
    give_up = time.monotonic() + 120
    while not (study / "data" / "run.json").exists():
        assert time.monotonic() < give_up
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(100) == 130
    asked = (study / "prefixes.txt").read_text()
    (study / "prefixes.txt").write_text("127.199.7.0/30\n")
    ended = mailcensus("discover", study)
    assert ended.status == 2
    assert "its sources, sample, shard or seed are not what they were when run" in ended.err

    (study / "prefixes.txt").write_text(asked)
    (study / "study.toml").write_text(fast)
    assert mailcensus("discover", study, "-q").status == 0
    assert sorted(row["ip"] for row in rows(study, "hits")) == sorted(truth_of(lab).responding)
    (run,) = rows(study, "runs")
    assert (run["asked"], run["answered"]) == (256, len(truth_of(lab).responding))
    assert run["interruptions"] == 2
