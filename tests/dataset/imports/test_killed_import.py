"""kill -9 on the way of an import by several processes: run again, its dataset is that of one left alone."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mailcensus.dataset.imports import import_file, importing, pieces
from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study

LINES = 4_000
GRABS_A_PART = 100
PIECE_BYTES = 20_000
KILLED_AT_PARTS = (3, 9, 20)
IMPORT = f"""
import sys
from pathlib import Path
from mailcensus.dataset.imports import import_file, importing, pieces
from mailcensus.study import Settings, Study
importing._GRABS_A_PART, pieces.PIECE_BYTES = {GRABS_A_PART}, {PIECE_BYTES}
import_file(Study(Path(sys.argv[1]), Settings()), "zgrab2", Path(sys.argv[2]), workers=2)
"""


def line(number: int) -> str:
    """Every seventh is none; certificates and host keys are shown by two lines each."""
    if number % 7 == 3:
        return "not one of them\n"
    shown = (number // 10).to_bytes(32, "big")
    if number % 2:
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + shown
        raw = base64.b64encode(blob).decode()
        result: dict[str, Any] = {
            "server_id": {"raw": f"SSH-2.0-OpenSSH_{number}"},
            "key_exchange": {"server_host_key": {"raw": raw}},
        }
        return record(number, "ssh", result)
    chain = {"certificate": {"raw": base64.b64encode(b"\x30" + shown).decode()}}
    log = {"server_hello": {"version": {"value": 771}}, "server_certificates": chain}
    return record(number, "smtp", {"banner": f"220 mx{number}", "tls": {"handshake_log": log}})


def record(number: int, protocol: str, result: dict[str, Any]) -> str:
    module = {"status": "success", "protocol": protocol, "result": result}
    ip = f"192.0.{number >> 8}.{number & 255}"
    return json.dumps({"ip": ip, "data": {protocol: module}}) + "\n"


def contents(study: Study) -> dict[str, list[dict[str, Any]]]:
    """Rows of grabs as they stand, of the other tables in any order."""
    data = Dataset(study.data)
    found = {table: data.table(table).to_pyarrow().to_pylist() for table in ("certificates", "keys")}
    grabs = data.table("grabs").drop("run_id").to_pyarrow().to_pylist()
    return {"grabs": grabs, **{table: sorted(rows, key=repr) for table, rows in found.items()}}


def killed_after(parts: int, study: Study, file: Path) -> None:
    """Start an import and kill it when so many parts are there."""
    process = subprocess.Popen([sys.executable, "-c", IMPORT, str(study.directory), str(file)])
    try:
        while len(visible_files(study.data / "grabs")) < parts:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_killed_again_and_again_an_import_ends_with_the_dataset_of_one_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "grabs.jsonl"
    file.write_text("".join(map(line, range(LINES))))
    alone, killed = (Study(tmp_path / name, Settings()) for name in ("alone", "killed"))
    monkeypatch.setattr(importing, "_GRABS_A_PART", GRABS_A_PART)
    monkeypatch.setattr(pieces, "PIECE_BYTES", PIECE_BYTES)
    undisturbed = import_file(alone, "zgrab2", file, workers=1)
    for parts in KILLED_AT_PARTS:
        killed_after(parts, killed, file)
    assert not visible_files(killed.data / "runs")
    begun = Dataset(killed.data).table("grabs").count().to_pyarrow().as_py()
    assert 0 < begun < undisturbed.grabs
    imported = import_file(killed, "zgrab2", file, workers=2)
    assert (imported.rows, imported.grabs, imported.rejected) == (
        LINES,
        undisturbed.grabs,
        undisturbed.rejected,
    )
    assert contents(killed) == contents(alone)
    assert imported.rejects.read_text() == undisturbed.rejects.read_text()
    run_ids = Dataset(killed.data).table("grabs").select("run_id").distinct().to_pyarrow().to_pylist()
    assert run_ids == [{"run_id": imported.run_id}]
    assert import_file(killed, "zgrab2", file).already
