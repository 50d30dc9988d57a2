"""Small studies for tests of collection: hits put on disk by hand, everything quick."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from mailcensus.dataset.hits import HitSink
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Hit
from mailcensus.probe.collect import collect
from mailcensus.probe.follow_up import follow_up
from mailcensus.study import Settings, Study

HOST = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GENEROUS = {"connections_per_s": 10_000, "prefix_connections_per_s": 10_000, "prefix_connections": 1_000}


@contextmanager
def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on 127.0.0.1 in a thread of its own; its port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(handler, HOST, 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def study_of(
    directory: Path,
    ports: Mapping[str, int],
    followups: Mapping[str, object] | None = None,
    **collect_settings: object,
) -> Study:
    """A study of the services in `ports`, on loopback, hardly limited."""
    settings = {
        "followups": {"pause_s": 0.01, **(followups or {})},
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


def followed_up(study: Study) -> None:
    """Run the follow-ups."""
    with CurrentRun(study.data, datetime.now(UTC)) as run:
        uvloop.run(follow_up(study, run, lambda _progress: None))


def grabs_of(study: Study) -> list[dict[str, Any]]:
    """The grabs on disk, by address, service and attempt."""
    rows: list[dict[str, Any]] = Dataset(study.data).table("grabs").to_pyarrow().to_pylist()
    return sorted(rows, key=lambda row: (row["ip"], row["service"], row["attempt"]))
