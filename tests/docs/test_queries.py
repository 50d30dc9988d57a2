"""Every query of docs/how-to/read-the-data.md runs, on a dataset that the recorder wrote."""

from pathlib import Path

import duckdb
import pytest

from docs.pages import ROOT, Block, blocks
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Observation, Outcome
from observations import SERVICES, grab, observation

PAGE = ROOT / "docs" / "how-to" / "read-the-data.md"
HOSTS, KEYS = 30, 10


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the study `mine` in it: two runs, shared keys, and a host that said "later" once."""
    recorder = Recorder(tmp_path / "mine" / "data")
    for number in range(HOSTS):
        for service in SERVICES:
            recorder.add(observation(number, service, run_id="2025", keys=HOSTS))
            recorder.add(observation(number, service, run_id="2026", keys=KEYS))
    for attempt, outcome in ((1, Outcome.RATE_LIMITED), (2, Outcome.OK)):
        later = grab(HOSTS, outcome=outcome, attempt=attempt, run_id="2026")
        recorder.add(Observation(later))
    recorder.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_query_for_duckdb_runs(study: Path) -> None:
    connection = duckdb.connect()
    answers = []
    for block in blocks(PAGE):
        if block.language == "sql":
            connection.execute(block.text)
            answers.append(connection.fetchall())
    connection.execute("select count(*), count(distinct (ip, service)) from last_grabs")
    assert connection.fetchone() == (len(SERVICES) * HOSTS + 1,) * 2
    most_shared = next(rows for rows in answers if rows and rows[0][0] == "ed25519")
    assert len(most_shared) == KEYS
    assert most_shared[0][2:4] == (HOSTS // KEYS, ["smtp", "ssh"])
    assert all(rows for rows in answers[1:3]), "these have something to show"


@pytest.mark.parametrize("block", [block for block in blocks(PAGE) if block.language == "python"])
def test_every_query_in_python_runs(block: Block, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block.text, str(PAGE), "exec"), {})
    out = capsys.readouterr().out
    assert "smtp" in out
    assert "ssh" in out
