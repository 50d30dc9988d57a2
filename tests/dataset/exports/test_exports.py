"""What is exported is what was recorded, as far as the form has words for it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from typer.testing import CliRunner

from mailcensus.cli.app import APP
from mailcensus.dataset.exports import export_csv, export_json_lines, export_zgrab2, run_to_export
from mailcensus.dataset.imports import import_file
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Grab, Http, Observation, Outcome, Ssh, Stage, Tls
from mailcensus.study import Settings, Study, StudyError
from mailcensus.wire.services import SERVICE_BY_NAME
from mailcensus.wire.ssh.host_keys import fingerprint
from observations import certificate, grab, ip, observation, spki

RUN = "2026-11-22T00-00-00Z"
KINDS = ("ciphers", "macs", "compression")
WAYS = ("client_to_server", "server_to_client")
LISTS = ["kex_algorithms", "host_key_algorithms", *(f"{kind}_{way}" for kind in KINDS for way in WAYS)]
CAPABILITIES = ("SIZE 1000", "STARTTLS", "AUTH PLAIN LOGIN")


def of(
    number: int, service: str, outcome: Outcome = Outcome.OK, stage: Stage = Stage.DONE, **told: Any
) -> Grab:
    known = SERVICE_BY_NAME[service]
    bare = grab(number, service, run_id=RUN)
    return replace(
        bare,
        port=known.port + 10_000,
        protocol=known.protocol,
        tls_mode=known.tls_mode,
        outcome=outcome,
        stage=stage,
        **told,
    )


def seen(number: int) -> Tls:
    """A handshake as zgrab2 would tell it."""
    shown = observation(number, "smtp").grab.tls
    assert shown is not None
    return replace(
        shown, version=0x0304, version_name="TLSv1.3", cipher_suite=0x1301, group=29, compression=0,
        cipher_suite_name="TLS_AES_128_GCM_SHA256", group_name="x25519", signature_verified=True,
        finished=False, unfinished_reason="the file has no server_finished",
    )  # fmt: skip


def older(tls: Tls) -> Tls:
    return replace(tls, version=0x0303, version_name="TLSv1.2")


ESMTP: dict[str, Any] = {
    "greeting": '220 mx "ü" ESMTP Exim 4.96',
    "capabilities_before": CAPABILITIES,
    "auth_before": ("PLAIN", "LOGIN"),
    "starttls_offered": True,
}
GRABS = [
    of(1, "smtp", stage=Stage.TLS, **ESMTP, starttls_accepted=True, tls=seen(1)),
    of(2, "submission", stage=Stage.TLS, **ESMTP, starttls_accepted=True, tls=older(seen(2))),
    of(3, "smtps", stage=Stage.TLS, greeting="220 mx", tls=replace(seen(3), sni="mx.example")),
    of(4, "smtp", Outcome.NO_STARTTLS, Stage.CAPABILITIES, greeting="220 mx", capabilities_before=("PIPELINING",),
       auth_before=(), starttls_offered=False),
    of(5, "smtp", Outcome.RATE_LIMITED, Stage.GREETING, greeting="421 later"),
    of(6, "smtp", Outcome.TIMEOUT, Stage.CONNECT, error="no answer"),
    of(7, "imap", Outcome.TIMEOUT, Stage.GREETING),
    of(8, "pop3", Outcome.REFUSED, Stage.CONNECT),
    of(9, "imaps", Outcome.RESET, Stage.TLS, error="connection reset by peer"),
    of(10, "pop3s", Outcome.CLOSED, Stage.TLS),
    of(11, "https", Outcome.TLS_ALERT, Stage.TLS, error="remote error: tls: handshake failure"),
    of(12, "https", tls=seen(12), http=Http(status=301, server="nginx", location="https://a/")),
    of(13, "https", stage=Stage.TLS, tls=seen(13)),
    of(14, "pop3", stage=Stage.TLS, greeting="+OK", starttls_accepted=True, tls=seen(14)),
    of(15, "smtp", Outcome.TLS_ERROR, Stage.STARTTLS, **ESMTP, starttls_accepted=True, error="tls: not a record"),
]  # fmt: skip
SHARED = ("ip", "port", "service", "protocol", "tls_mode", "started_at", "outcome", "stage", "error", "greeting",
          "capabilities_before", "auth_before", "starttls_offered", "starttls_accepted", "tls",
          "http", "ssh")  # fmt: skip
"""Fields that both records of a grab have."""


def _ssh() -> Observation:
    shown = observation(16, "ssh", run_id=RUN)
    assert shown.grab.ssh is not None
    assert shown.grab.ssh.host_keys is not None
    blob = spki_to_blob(spki(16))
    host_key = replace(shown.grab.ssh.host_keys[0], fingerprint=fingerprint(blob), bits=256, verified=False)
    lists: Any = dict.fromkeys(LISTS, ("a", "b"))
    ssh = Ssh(
        identification="SSH-2.0-OpenSSH_9.6", protocol_version="2.0", software="OpenSSH_9.6", host_keys=(host_key,),
        kex_used="curve25519-sha256", hassh_server=hashlib.md5(b"a,b;a,b;a,b;a,b").hexdigest(), **lists,
    )  # fmt: skip
    told: dict[str, Any] = {"software": "OpenSSH", "software_version": "9.6"}
    return replace(shown, grab=replace(shown.grab, ssh=ssh, **told))


def spki_to_blob(der: bytes) -> bytes:
    line = load_der_public_key(der).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(
        tmp_path_factory.mktemp("study"), Settings.model_validate({"study": {"allow_special": True}})
    )
    recorder = Recorder(study.data)
    for number, each in enumerate(GRABS, 1):
        recorder.add(Observation(each, (certificate(number),) if each.tls else ()))
    recorder.add(_ssh())
    recorder.add(Observation(of(6, "smtp", Outcome.REFUSED, Stage.CONNECT, attempt=2)))
    recorder.add(Observation(grab(20, "irc", run_id=RUN)))
    recorder.close()
    return study


def rows_of(study: Study, table: str = "grabs") -> dict[tuple[str, str], dict[str, Any]]:
    found = Dataset(study.data).table(table).to_pyarrow().to_pylist()
    return {(row["ip"], row["service"]): row for row in sorted(found, key=lambda row: row["attempt"])}


def imported_again(study: Study, directory: Path) -> Study:
    file = directory / "grabs.jsonl"
    with file.open("w", encoding="utf-8") as out:
        export_zgrab2(Dataset(study.data), RUN, out)
    other = Study(directory / "other", Settings.model_validate({}))
    imported = import_file(other, "zgrab2", file)
    assert imported.rejected == imported.passed_over == 0
    return other


def test_grabs_that_went_out_as_zgrab2s_come_in_as_they_were(study: Study, tmp_path: Path) -> None:
    other = imported_again(study, tmp_path)
    before, after = rows_of(study), rows_of(other)
    assert len(after) == len(GRABS) + 1
    for place, row in after.items():
        for field in SHARED:
            assert row[field] == before[place][field], f"{place}: {field}"


def test_the_last_attempt_is_exported(study: Study, tmp_path: Path) -> None:
    assert rows_of(imported_again(study, tmp_path))[ip(6), "smtp"]["outcome"] == "refused"


def test_keys_and_certificates_go_out_and_come_in(study: Study, tmp_path: Path) -> None:
    other = imported_again(study, tmp_path)
    for table, name in (("certificates", "sha256"), ("keys", "spki_sha256")):
        names = [
            set(Dataset(each.data).table(table).to_pyarrow()[name].to_pylist()) for each in (study, other)
        ]
        assert names[0] == names[1] != set()
    ssh = [rows_of(each)[ip(16), "ssh"]["ssh"]["host_keys"][0]["spki_sha256"] for each in (study, other)]
    assert ssh[0] == ssh[1] is not None


def test_protocols_without_a_module_are_counted(study: Study) -> None:
    exported = export_zgrab2(Dataset(study.data), RUN, io.StringIO())
    assert (exported.grabs, exported.passed_over) == (len(GRABS) + 1, 1)


def test_csv_is_read_by_duckdb_with_nulls_apart_from_empty_texts(study: Study, tmp_path: Path) -> None:
    file = tmp_path / "grabs.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        count = export_csv(Dataset(study.data), "grabs", RUN, out)
    question = f"FROM read_csv('{file}', header = true, all_varchar = true, allow_quoted_nulls = false)"
    table: pa.Table = duckdb.connect().execute(question).to_arrow_table()
    read = table.to_pylist()
    assert len(read) == count == len(GRABS) + 3
    first = next(row for row in read if row["ip"] == ip(1))
    assert first["greeting"] == ESMTP["greeting"]
    assert json.loads(first["capabilities_before"]) == list(CAPABILITIES)
    assert (first["tls.version"], first["tls.finished"], first["ssh.identification"]) == (
        "772",
        "false",
        None,
    )
    assert json.loads(first["tls.chain"]) == [first["tls.leaf_sha256"]]
    host_key = next(row for row in read if row["service"] == "ssh")["ssh.host_keys"]
    assert json.loads(host_key)[0]["algorithm"] == "ssh-ed25519"


@pytest.mark.parametrize("table", ["grabs", "certificates", "keys", "hits"])
def test_json_lines_have_every_row_and_field(study: Study, table: str) -> None:
    out = io.StringIO()
    count = export_json_lines(Dataset(study.data), table, RUN, out)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    recorded = Dataset(study.data).table(table).to_pyarrow()
    assert len(rows) == count == recorded.num_rows
    assert all(list(row) == recorded.column_names for row in rows)


def test_a_run_that_is_not_there_is_refused_with_those_that_are(study: Study) -> None:
    with pytest.raises(StudyError, match=RUN):
        run_to_export(Dataset(study.data), "2020")
    assert run_to_export(Dataset(study.data), None) == RUN


def test_the_verb_writes_to_stdout_and_to_a_file_and_refuses_what_it_has_not(
    study: Study, tmp_path: Path
) -> None:
    study.directory.joinpath("study.toml").write_text('[study]\nname = "x"\nallow_special = true\n')
    here, file = str(study.directory), tmp_path / "out.jsonl"
    told = CliRunner().invoke(APP, ["export", here, "--to", "jsonl", "--table", "keys"])
    assert told.exit_code == 0
    assert all("spki_sha256" in json.loads(line) for line in told.stdout.splitlines())
    assert CliRunner().invoke(APP, ["export", here, "--to", "zgrab2", "--out", str(file)]).exit_code == 0
    assert len(file.read_text().splitlines()) == len(GRABS) + 1
    assert CliRunner().invoke(APP, ["export", here, "--to", "csv", "--table", "no"]).exit_code != 0
