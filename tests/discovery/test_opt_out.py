"""An opt-out while a scan runs, measured at the side of those who are asked."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mailcensus.dataset.left_out import dataset_of
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.discovery.resumable import discover_in_run
from mailcensus.population import PrefixSet
from mailcensus.study import Settings, Study

OPTS_OUT = "127.79.4.0/22"
"""Half of the population."""
MAY_TAKE_S = 5.0


class Responders:
    """Every address of the population: notes when it was connected to."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.port: int = self.listener.getsockname()[1]
        self.heard: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Responders:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.heard.append((time.monotonic(), connection.getsockname()[0]))
            connection.close()


def study_of(directory: Path, port: int) -> Study:
    (directory / "prefixes.txt").write_text("127.79.0.0/21\n")
    (directory / "opt-outs").write_text("127.79.0.9  2026-11-20  before the scan\n")
    settings = {
        "study": {"allow_special": True},
        "population": {"prefixes": "prefixes.txt", "exclusions": ["opt-outs"]},
        "politeness": {"connections_per_s": 300, "prefix_connections_per_s": 300, "prefix_connections": 50},
        "discovery": {"ports": [port]},
    }
    return Study(directory, Settings.model_validate(settings))


async def scan(study: Study, run: CurrentRun, after_s: float, then: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(after_s, then)
    await discover_in_run(study, run, lambda _progress: None)


def rows(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dataset.table(table).to_pyarrow().to_pylist()
    return found


@pytest.mark.slow
def test_a_new_opt_out_stops_packets_to_its_prefix_while_others_are_asked_on(tmp_path: Path) -> None:
    written: list[float] = []

    def opt_out() -> None:
        with (tmp_path / "opt-outs").open("a") as file:
            file.write(f"{OPTS_OUT}  2026-11-22  opt-out by mail\n")
        written.append(time.monotonic())

    with Responders() as responders, CurrentRun(tmp_path / "data", datetime.now(UTC)) as run:
        study = study_of(tmp_path, responders.port)
        uvloop.run(scan(study, run, 1.5, opt_out))

    opted_out = PrefixSet.of([OPTS_OUT])
    theirs = [at - written[0] for at, ip in responders.heard if opted_out.contains(ip)]
    others = [at - written[0] for at, ip in responders.heard if not opted_out.contains(ip)]
    assert min(theirs) < 0 < max(theirs) + 1.5, "they were asked before"
    assert max(theirs) < MAY_TAKE_S
    assert max(others) > max(theirs)
    assert len(others) == 1023, "everybody else is asked"
    assert "127.79.0.9" not in {ip for _, ip in responders.heard}

    raw = Dataset(study.data)
    assert sum(row["attempts"] for row in rows(raw, "politeness")) == len(responders.heard)
    assert max(row["peak_per_s"] for row in rows(raw, "politeness_peaks")) <= 300
    refused = {
        row["entry"]: (row["reason"], str(row["since"])) for row in rows(raw, "exclusions") if row["refused"]
    }
    assert refused == {OPTS_OUT: ("opt-out by mail", "2026-11-22")}
    assert sum(row["refused"] for row in rows(raw, "exclusions")) == 1024 - len(theirs)
    assert {row["entry"]: row["addresses"] for row in rows(raw, "exclusions")} == {
        "127.79.0.9": 1,
        OPTS_OUT: 1024,
    }
    shown = dataset_of(study)
    assert len(shown.left_out) == len(theirs)
    assert {row["ip"] for row in rows(shown, "hits")} == {
        ip for _, ip in responders.heard if not opted_out.contains(ip)
    }
