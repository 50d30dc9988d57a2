"""Small studies for tests of collection: hits put on disk by hand, everything quick."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Hit
from mailcensus.probe.collect import collect
from mailcensus.study import Settings, Study

GENEROUS = {"connections_per_s": 10_000, "prefix_connections_per_s": 10_000, "prefix_connections": 1_000}


def study_of(directory: Path, ports: Mapping[str, int], **collect_settings: object) -> Study:
    """A study of the services in `ports`, on loopback, hardly limited."""
    settings = {
        "study": {"allow_special": True},
        "politeness": GENEROUS,
        "ports": dict(ports),
        "collect": {"services": tuple(ports), **collect_settings},
    }
    return Study(directory, Settings.model_validate(settings))


def put_hits(run: CurrentRun, addresses: Iterable[str]) -> None:
    """Hits as discovery would leave them."""
    run.begin("discover", datetime.now(UTC))
    sink = HitSink(run)
    for count, address in enumerate(addresses, start=1):
        sink.add(Hit(run_id=run.run_id, seen_at=datetime.now(UTC), ip=address, port=25, engine="test"))
        sink.checkpoint(count)


def collected(study: Study, addresses: Iterable[str]) -> list[dict[str, Any]]:
    """Collect from addresses; the grabs on disk, by address, service and attempt."""
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        if run.stage("discover").started_at is None:
            put_hits(run, addresses)
        uvloop.run(collect(study, run, lambda _progress: None))
    return grabs_of(study)


def grabs_of(study: Study) -> list[dict[str, Any]]:
    """The grabs on disk, by address, service and attempt."""
    rows: list[dict[str, Any]] = Dataset(study.data).table("grabs").to_pyarrow().to_pylist()
    return sorted(rows, key=lambda row: (row["ip"], row["service"], row["attempt"]))
