"""Studies on an S3 that runs on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from report.synthetic import mixed_hosts, study_of

pytestmark = pytest.mark.integration

boto3 = pytest.importorskip("boto3")
pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")

_SETTINGS = """
[study]
name = "Elsewhere"
vantage = "v"
ehlo_name = "census.example.org"
contact = "census@example.org"
opt_out = "https://census.example.org/opt-out"
[population]
prefixes = "prefixes.txt"
"""
_COLLECTED = """
{"run_id": "2026-10-01T00-00-00Z-0000", "stages": {"collect": {"state": "done",
 "started_at": "2026-10-01T00:00:00+00:00", "position": 0, "order": null, "interruptions": 0}}}
"""
_WHO = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A bucket called `census`, at an address that clients take from the environment."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {**_WHO, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="census")
    yield client
    server.stop()


def mailcensus(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A verb, as people run it."""
    command = [sys.executable, "-m", "mailcensus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=250, env=os.environ, check=False)


def test_a_study_on_s3_is_analysed_and_its_tables_put_beside_it(bucket: object, tmp_path: Path) -> None:
    study_of(tmp_path, mixed_hosts(30))
    (tmp_path / "study.toml").write_text(_SETTINGS)
    (tmp_path / "prefixes.txt").write_text("10.0.0.0/8\n")
    (tmp_path / "data" / "run.json").write_text(_COLLECTED)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        bucket.upload_file(str(path), "census", f"autumn/{path.relative_to(tmp_path)}")  # type: ignore[attr-defined]

    there = mailcensus("analyse", "s3://census/autumn", "--quiet", "--csv")
    assert there.returncode == 0, there.stderr
    here = mailcensus("analyse", str(tmp_path), "--quiet", "--csv")
    assert there.stdout == here.stdout

    keys = [row["Key"] for row in bucket.list_objects_v2(Bucket="census")["Contents"]]  # type: ignore[attr-defined]
    assert "autumn/data/analysis/summary.parquet" in keys


def test_what_is_not_on_s3_is_said_in_a_line(bucket: object) -> None:
    nothing = mailcensus("analyse", "s3://census/nowhere")
    assert nothing.returncode != 0
    assert nothing.stderr.strip() == "mailcensus: census/nowhere: nothing is there"
