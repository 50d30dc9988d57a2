"""Real records of zgrab2's own test data (zmap/zgrab2, zgrab2_schemas, Apache-2.0)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailcensus.dataset.imports import import_file
from mailcensus.dataset.imports.pieces import batch_of
from mailcensus.dataset.imports.zgrab2 import read_zgrab2
from mailcensus.dataset.tables import Dataset
from mailcensus.study import Settings, Study


@pytest.fixture
def imported(shared_data: Path, tmp_path: Path) -> Dataset:
    records = shared_data / "scan-json" / "zgrab2" / "zgrab2_schemas" / "zgrab2" / "testdata"
    together = tmp_path / "records.jsonl"
    together.write_text("".join(path.read_text().strip() + "\n" for path in sorted(records.glob("*.json"))))
    study = Study(tmp_path / "study", Settings())
    study.directory.mkdir()
    result = import_file(study, "zgrab2", together)
    assert (result.rejected, result.grabs) == (0, 13)
    assert result.passed_over == result.rows - 13  # ftp, mssql, mysql, postgres
    return Dataset(study.data)


def rows(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dataset.table(table).to_pyarrow().to_pylist()
    return found


def grabs(dataset: Dataset, service: str) -> list[dict[str, Any]]:
    return [grab for grab in rows(dataset, "grabs") if grab["service"] == service]


def test_the_host_key_of_a_real_ssh_record_is_verified_and_kept(imported: Dataset) -> None:
    (grab,) = grabs(imported, "ssh")
    (host_key,) = grab["ssh"]["host_keys"]
    assert host_key["algorithm"] == "ecdsa-sha2-nistp256"
    assert host_key["verified"]
    # zgrab2 itself: fingerprint_sha256 691e8c65... in hex, here as ssh-keygen -l prints it.
    assert host_key["fingerprint"] == "SHA256:aR6MZdhnINBy/FYQ+Jdt8YSvZKka6phqLeVaGrwBedw"
    assert host_key["spki_sha256"] in {key["spki_sha256"] for key in rows(imported, "keys")}
    assert (grab["software"], grab["software_version"], grab["outcome"]) == ("OpenSSH", "7.2p2", "ok")
    assert grab["ssh"]["hassh_server"] is not None


def test_the_certificate_of_a_real_https_record_is_kept_and_read(imported: Dataset) -> None:
    (grab,) = grabs(imported, "https")
    (certificate,) = rows(imported, "certificates")
    assert grab["tls"]["chain"] == [certificate["sha256"]]
    # zgrab2 itself: fingerprint_sha256 of the parsed certificate.
    assert certificate["sha256"] == "fe01d8aaa47e75e281f404ab5e60c3e73da4747b02e558c238cc77cf023586fd"
    assert certificate["subject"] == "CN=target"
    assert grab["tls"]["spki_sha256"] == certificate["spki_sha256"]
    assert (grab["tls"]["version_name"], grab["tls"]["group_name"]) == ("TLSv1.2", "secp256r1")
    assert grab["tls"]["finished"]
    assert (grab["http"]["status"], grab["outcome"], grab["stage"]) == (200, "ok", "done")


def test_a_real_smtp_record_without_starttls_says_so_only_where_it_asked(imported: Dataset) -> None:
    found = grabs(imported, "smtp")
    assert all("qpsmtpd" in grab["greeting"] for grab in found)
    asked = {grab["starttls_offered"] for grab in found}
    assert asked == {None, False}
    assert all((grab["outcome"] == "no_starttls") == (grab["starttls_offered"] is False) for grab in found)


ODD = st.sampled_from(
    (
        "null",
        "true",
        "0",
        "-1",
        "65536",
        "1e300",
        "1" * 40,
        '""',
        '"AAAA"',
        r'"\ud800"',
        "[]",
        '["a", 1]',
        "[[]]",
        "{}",
    )
).map(json.loads)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every object or list in a value with each of its keys."""
    for key in range(len(value)) if isinstance(value, list) else value:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@settings(max_examples=100)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["smtp-ehlo.03", "ssh-ssh", "http-https"])
def test_odd_values_anywhere_in_a_record_give_rows_that_a_table_can_hold(
    shared_data: Path, kind: str, data: st.DataObject
) -> None:
    records = shared_data / "scan-json" / "zgrab2" / "zgrab2_schemas" / "zgrab2" / "testdata"
    record = json.loads((records / f"{kind}.json").read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(record))
        within, key = found[data.draw(st.integers(0, len(found) - 1))]
        within[key] = data.draw(ODD)
    line = json.dumps(record).encode()
    assert (
        batch_of(read_zgrab2(io.BytesIO(line), "run", "here", datetime(2025, 11, 16, tzinfo=UTC))).rows <= 1
    )
