"""`mailcensus doctor`."""

from __future__ import annotations

import os
import shutil
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from mailcensus.cli import doctor_machine, doctor_study
from mailcensus.cli.doctor_machine import engine_line, machine_lines, may_send_packets
from mailcensus.cli.doctor_study import database_lines, dataset_line
from mailcensus.model import Verdict
from mailcensus.study import Study

LAB = '[study]\nallow_special = true\n[population]\nprefixes = "prefixes.txt"\n'
EARLIER = Path(__file__).parents[1] / "dataset" / "data" / "earlier" / "d7d4e00"


def lines(ended: Any) -> dict[tuple[str, str], dict[str, str]]:
    """What `doctor --json` printed, by check and subject."""
    return {(line["check"], line["subject"]): line for line in ended.json}


def study(directory: Path, text: str = LAB) -> Path:
    (directory / "study.toml").write_text(text)
    return directory


def test_a_healthy_lab_study_has_no_failure_and_asks_no_resolver(mailcensus: Any, tmp_path: Path) -> None:
    ended = mailcensus("doctor", study(tmp_path), "--json")
    found = lines(ended)
    assert {line["verdict"] for line in ended.json} <= {"ok", "warning", "unknown"}
    assert ended.status == 0
    assert found["dns", "-"]["found"] == "no resolver told; a lab asks none"
    assert found["packages", "mailcensus"]["verdict"] == "ok"
    assert found["dataset", str(tmp_path / "data")]["found"] == "nothing written yet"
    table = mailcensus("doctor", tmp_path)
    assert "verdict" in table.out
    assert "no resolver told" in table.out


def test_every_finding_that_is_not_well_says_how_to_mend_it(
    mailcensus: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_study, "_REPLY_S", 0.05)
    shutil.copytree(EARLIER / "data", tmp_path / "data")
    study(
        tmp_path,
        '[population]\ncountry = "IE"\ncountry_database = "gone.mmdb"\nexclusions = ["gone.txt"]\n'
        '[dns]\nresolvers = ["127.66.9.9:1"]\n[politeness]\nin_flight = 900000000\n',
    )
    ended = mailcensus("doctor", tmp_path, "--json")
    found = lines(ended)
    assert ended.status == 1
    verdicts = {key: (line["verdict"], line["mend"]) for key, line in found.items()}
    failed = ("failed", 'set study.contact = "abuse@scanner.example"')
    assert verdicts["who asks", "contact"] == failed
    assert verdicts["who asks", "opt_out"][0] == "failed"
    assert verdicts["database", str(tmp_path / "gone.mmdb")] == (
        "failed",
        "put it there, or name another in study.toml",
    )
    assert verdicts["exclusions", str(tmp_path / "gone.txt")][0] == "failed"
    assert verdicts["dns", "127.66.9.9:1"][0] == "warning"
    assert verdicts["open files", "in_flight"][0] == "failed"
    assert verdicts["dataset", str(tmp_path / "data")] == ("warning", f"run: mailcensus upgrade {tmp_path}")
    assert all(line["mend"] for line in ended.json if line["verdict"] in ("failed", "warning"))


def test_a_study_that_cannot_be_read_is_a_finding(mailcensus: Any, tmp_path: Path) -> None:
    ended = mailcensus("doctor", study(tmp_path, "[study]\nnmae = 1\n"), "--json")
    (line,) = [line for line in ended.json if line["check"] == "study"]
    assert (ended.status, line["verdict"]) == (1, "failed")
    assert line["found"].startswith("study.nmae: no such setting")


def test_a_database_is_as_old_as_it_says_else_as_its_file(tmp_path: Path) -> None:
    marker = b"\xab\xcd\xefMaxMind.com"
    built = int(time.time()) - 200 * 86_400
    metadata = b"\xe1\x4bbuild_epoch\x04\x02" + struct.pack(
        ">I", built
    )  # a map of one, with a uint64 of 4 bytes
    (tmp_path / "a.mmdb").write_bytes(bytes(64) + marker + metadata)
    (tmp_path / "b.csv").write_text("192.0.2.0/24,IE\n")
    (tmp_path / "c.mmdb").write_bytes(b"\xff" * 70 + marker + b"\xff\xff")
    text = LAB + '[facts]\ndatabases = ["a.mmdb", "b.csv", "c.mmdb"]\n'
    old, new, damaged = database_lines(Study.open(study(tmp_path, text)))
    assert (old.verdict, old.mend) == (Verdict.WARNING, "get a newer one")
    assert old.found.endswith("200 days old")
    assert (new.verdict, new.found[-10:]) == (Verdict.OK, "0 days old")
    assert damaged.verdict is Verdict.OK  # the population's own reader says what is wrong with it


def test_a_packet_engine_is_needed_where_the_study_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert engine_line("zmap", wanted=False).verdict is Verdict.OK
    missing = engine_line("zmap", wanted=True)
    assert (missing.verdict, missing.found) == (Verdict.FAILED, "not found on the PATH")


def test_an_engine_without_the_right_to_send_packets_fails_where_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "zmap"
    program.write_text("#!/bin/sh\necho zmap 4.3.4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(doctor_machine, "_has_net_raw", lambda status: False)
    line = engine_line("zmap", wanted=True)
    assert (line.verdict, line.found) == (
        Verdict.FAILED,
        f"{program}, version 4.3.4, may not send packets of its own",
    )
    assert line.mend is not None
    assert "setcap cap_net_raw" in line.mend
    assert engine_line("zmap", wanted=False).verdict is Verdict.OK
    monkeypatch.setattr(os, "getxattr", lambda *_: struct.pack("<5I", 0x0200_0001, 1 << 13, 0, 0, 0))
    assert may_send_packets(program)


def test_packages_that_are_missing_or_old_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["duckdb>=999", "no-such-package-of-anybody", 'winreg-x; sys_platform == "win32"', "numpy>=2"]
    monkeypatch.setattr(doctor_machine.metadata, "requires", lambda name: wanted)
    found = {line.subject: line for line in machine_lines("connect") if line.check == "packages"}
    assert set(found) == {"duckdb", "no-such-package-of-anybody"}
    assert found["duckdb"].mend == 'pip install "duckdb>=999", or set up from requirements.lock again'


def test_a_dataset_of_a_newer_mailcensus_is_a_failure(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    shutil.copytree(EARLIER / "data", tmp_path / "data")
    (part,) = (tmp_path / "data" / "hits").iterdir()
    pq.write_table(pq.read_table(part).replace_schema_metadata({"mailcensus.dataset_version": "77"}), part)
    assert dataset_line(tmp_path / "data").verdict is Verdict.FAILED
