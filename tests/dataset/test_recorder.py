"""Grabs, certificates and keys on disk."""

import hashlib
import tracemalloc
from pathlib import Path

import duckdb
import pytest

from mailcensus.dataset import recorder
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Observation
from mailcensus.study import StudyError
from observations import SERVICES, certificate, observation, spki


def rows(data: Path, what: str, table: str) -> list[tuple[object, ...]]:
    return duckdb.sql(f"select {what} from '{data}/{table}/*.parquet' order by all").fetchall()


def test_certificates_and_keys_are_stored_once_however_often_they_are_shown(tmp_path: Path) -> None:
    for first in (0, 100):
        opened = Recorder(tmp_path)
        for number in range(first, first + 100):
            for service in SERVICES:
                opened.add(observation(number, service, keys=7))
        opened.close()
    leaves = sorted(hashlib.sha256(certificate(key)).hexdigest() for key in range(7))
    keys = sorted(hashlib.sha256(spki(key)).hexdigest() for key in range(7))
    assert rows(tmp_path, "sha256", "certificates") == [(leaf,) for leaf in leaves]
    assert rows(tmp_path, "spki_sha256, spki_der", "keys") == sorted(
        (hashlib.sha256(spki(key)).hexdigest(), spki(key)) for key in range(7)
    )
    assert rows(tmp_path, "distinct tls.spki_sha256", "grabs")[:7] == [(key,) for key in keys]
    assert rows(tmp_path, "count(*)", "grabs") == [(400,)]


def test_nothing_is_written_before_a_flush_and_everything_after(tmp_path: Path) -> None:
    opened = Recorder(tmp_path, flush_rows=3)
    opened.add(observation(1, "smtp"))
    opened.add(observation(2, "smtp"))
    assert list((tmp_path / "grabs").iterdir()) == []
    opened.add(observation(3, "smtp"))
    assert rows(tmp_path, "count(*)", "grabs") == [(3,)]
    opened.add(observation(4, "smtp"))
    opened.flush()
    assert rows(tmp_path, "count(*)", "grabs") == [(4,)]
    assert opened.recorded == 4
    opened.close()


def test_nothing_of_a_grab_stays_in_memory_once_it_is_on_disk(tmp_path: Path) -> None:
    opened = Recorder(tmp_path, flush_rows=200)
    _record(opened, range(200))
    tracemalloc.start()
    try:
        _record(opened, range(200, 1_200))
        opened.flush()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        opened.close()
    assert kept / 1_000 < 20 < most / 1_000


def _record(opened: Recorder, numbers: range) -> None:
    for number in numbers:
        opened.add(observation(number, "smtp"))


def test_big_certificates_do_not_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FLUSH_DER_BYTES", 100)
    opened = Recorder(tmp_path)
    opened.add(observation(1, "smtp"))
    assert rows(tmp_path, "count(*)", "grabs") == [(1,)]
    opened.close()


def test_bytes_that_are_no_certificate_are_kept_as_they_are(tmp_path: Path) -> None:
    opened = Recorder(tmp_path)
    grab = observation(1, "smtp").grab
    opened.add(Observation(grab, certificates=(b"not DER",)))
    opened.close()
    assert rows(tmp_path, "der, parse_status <> 'ok'", "certificates") == [(b"not DER", True)]


@pytest.mark.parametrize("failing", ["keys", "certificates", "grabs"])
def test_a_failed_flush_can_be_repeated_without_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    opened = Recorder(tmp_path)
    opened.add(observation(1, "smtp"))
    write = PartWriter.write

    def refuse(self: PartWriter, rows: list[object]) -> None:
        if self.table == failing:
            raise StudyError("disk full")
        write(self, rows)

    with monkeypatch.context() as patched:
        patched.setattr(PartWriter, "write", refuse)
        with pytest.raises(StudyError, match="disk full"):
            opened.flush()
    opened.close()
    for table in ("keys", "certificates", "grabs"):
        assert rows(tmp_path, "count(*)", table) == [(1,)]


@pytest.mark.slow
def test_compaction_behind_a_run_keeps_every_row(tmp_path: Path) -> None:
    opened = Recorder(tmp_path, flush_rows=1)
    for number in range(100):
        opened.add(observation(number, "smtp"))
    opened.close()
    opened.compact()
    assert len(list((tmp_path / "grabs").glob("*.parquet"))) == 1
    assert rows(tmp_path, "count(distinct ip), count(*)", "grabs") == [(100, 100)]
