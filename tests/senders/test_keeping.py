"""Attempts on disk: whatever a kill leaves, each is there once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from mailcensus.dataset.parts import visible_files
from mailcensus.model import Attempt, AttemptOutcome, ClientHello, TlsMode
from mailcensus.senders.keeping import Keeper
from mailcensus.senders.watch_file import WatchFile, current_watch

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def attempt(name: str, **changes: object) -> Attempt:
    record = Attempt(
        run_id="r", attempt_id=name, condition="valid", started_at=AT, ip="127.0.0.1", port=25,
        client_ip="127.0.0.2", client_port=4_000, tls_mode=TlsMode.STARTTLS,
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def rows(data: Path) -> dict[str, str]:
    """Outcome by attempt, each there once."""
    found = [row for file in visible_files(data / "attempts") for row in pq.read_table(file).to_pylist()]
    assert len({row["attempt_id"] for row in found}) == len(found)
    return {row["attempt_id"]: row["outcome"] for row in found}


def test_what_was_open_when_the_process_died_is_recorded_as_interrupted(tmp_path: Path) -> None:
    hello = ClientHello(cipher_suites=(1, 2), sni="mx.example")
    first = Keeper(tmp_path)
    first.keep(attempt("whole", outcome=AttemptOutcome.LEFT), over=True)
    first.keep(attempt("cut", data_started=True, client_hello=hello), over=False)
    second = Keeper(tmp_path)  # as after kill -9: nothing was flushed or closed
    assert second.recovered == 1
    assert rows(tmp_path) == {"whole": "left", "cut": "interrupted"}
    kept = [row for file in visible_files(tmp_path / "attempts") for row in pq.read_table(file).to_pylist()]
    assert next(row for row in kept if row["attempt_id"] == "cut")["client_hello"]["cipher_suites"] == [1, 2]


def test_a_kill_between_part_and_journal_makes_nothing_double(tmp_path: Path) -> None:
    first = Keeper(tmp_path)
    first.keep(attempt("a", outcome=AttemptOutcome.LEFT), over=True)
    first.flush()
    Keeper(tmp_path)
    Keeper(tmp_path)
    assert rows(tmp_path) == {"a": "left"}


def test_a_line_that_a_crash_cut_is_passed_over(tmp_path: Path) -> None:
    first = Keeper(tmp_path)
    first.keep(attempt("a"), over=False)
    first.keep(attempt("b"), over=False)
    journal = tmp_path / "attempts.journal"
    journal.write_bytes(journal.read_bytes()[:-40])
    Keeper(tmp_path)
    assert rows(tmp_path) == {"a": "interrupted"}


def test_a_service_that_ends_records_what_is_open(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.keep(attempt("open"), over=False)
    keeper.close()
    assert rows(tmp_path) == {"open": "interrupted"}
    assert (tmp_path / "attempts.journal").read_bytes() == b""


def test_a_time_that_a_crash_ended_is_a_row_all_the_same(tmp_path: Path) -> None:
    WatchFile(tmp_path, "r", AT).alive(AT + timedelta(hours=2), attempts=7, dropped=0)
    later = WatchFile(tmp_path, "r", AT + timedelta(hours=3))
    later.close()
    found = [
        row for file in visible_files(tmp_path / "sender_watches") for row in pq.read_table(file).to_pylist()
    ]
    assert [(row["crashed"], row["ended_at"], row["attempts"]) for row in found] == [
        (True, AT + timedelta(hours=2), 7),
        (False, AT + timedelta(hours=3), 0),
    ]
    assert current_watch(tmp_path) is None
