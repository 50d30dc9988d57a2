"""Every query of docs/how-to/read-the-data.md runs, on a dataset that the recorder wrote."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from docs.pages import ROOT, Block, blocks
from mailcensus.analysis.catalogue import TABLES
from mailcensus.analysis.session import session_sql
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Observation, Outcome, schema_of
from observations import SERVICES, grab, ip, observation

PAGE = ROOT / "docs" / "how-to" / "read-the-data.md"
HOSTS, KEYS = 30, 10
SESSION = "## A session with a view of every table"


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


def queries(*, of_session: bool) -> list[str]:
    """The page's SQL: over files, or over the views of a session."""
    heading = PAGE.read_text(encoding="utf-8").splitlines().index(SESSION)
    return [b.text for b in blocks(PAGE) if b.language == "sql" and (b.line > heading) is of_session]


def test_every_query_for_duckdb_runs(study: Path) -> None:
    connection = duckdb.connect()
    answers = []
    for query in queries(of_session=False):
        connection.execute(query)
        answers.append(connection.fetchall())
    connection.execute("select count(*), count(distinct (ip, service)) from last_grabs")
    assert connection.fetchone() == (len(SERVICES) * HOSTS + 1,) * 2
    most_shared = next(rows for rows in answers if rows and rows[0][0] == "ed25519")
    assert len(most_shared) == KEYS
    assert most_shared[0][2:4] == (HOSTS // KEYS, ["smtp", "ssh"])
    assert all(rows for rows in answers[1:3]), "these have something to show"


def test_every_query_of_a_session_runs_with_and_without_an_analysis(study: Path) -> None:
    empty, analysed = duckdb.connect(), duckdb.connect()
    empty.execute(session_sql(study / "mine" / "data", ()))
    write_clusters(study / "mine" / "data" / "analysis")
    analysed.execute(session_sql(study / "mine" / "data", ()))
    answers = [
        (empty.execute(query).fetchall(), analysed.execute(query).fetchall())
        for query in queries(of_session=True)
    ]
    assert len(answers) == 6
    assert [bool(before) for before, _ in answers[:4]] == [False] * 4, "of the analysis"
    assert answers[0][1] == [("cloned_image", "high", 1, 3)]
    assert answers[1][1] == [(1, 3, None, ["smtp"], ["example"])]
    assert len(answers[3][1]) == HOSTS // KEYS


def write_clusters(folder: Path) -> None:
    """Tables of one cluster: the hosts that show the first key by SMTP."""
    folder.mkdir()
    hosts = [ip(number) for number in range(0, HOSTS, KEYS)]
    key = {"spki_sha256": "00", "hosts": len(hosts)}
    rows = {
        "clusters": [{"cluster": 1, "hosts": len(hosts), "services": ["smtp"]}],
        "cluster_hosts": [{"cluster": 1, "ip": address} for address in hosts],
        "cluster_words": [{"cluster": 1, "word": "example", "hosts": len(hosts)}],
        "cluster_causes": [
            {"cluster": 1, "reading": "cloned_image", "confidence": "high", "hosts": len(hosts)}
        ],
        "shared_keys": [key],
        "cluster_links": [{"cluster": 1, "ip": address, "services": ["smtp"], **key} for address in hosts],
    }
    for spec in TABLES:
        if spec.name in rows:
            schema = pa.schema([field.with_nullable(True) for field in schema_of(spec.row)])
            pq.write_table(pa.Table.from_pylist(rows[spec.name], schema), folder / f"{spec.name}.parquet")


@pytest.mark.parametrize("block", [block for block in blocks(PAGE) if block.language == "python"])
def test_every_query_in_python_runs(block: Block, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block.text, str(PAGE), "exec"), {})
    out = capsys.readouterr().out
    assert "smtp" in out
    assert "ssh" in out
