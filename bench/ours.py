"""Our grabs as a study makes them: dialer and its politeness (wide open), engine, recorder, dataset on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet

from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.dataset.recorder import Recorder
from mailcensus.population import Exclusions
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.grab import Grabber
from mailcensus.study import Settings


async def grab_and_record(
    addresses: Sequence[str],
    port: int,
    grabs: int,
    *,
    in_flight: int,
    ehlo_name: str,
    finish: bool,
    service: str = "smtp",
) -> None:
    """Ask one service of one address after the other, over and over, and record it to a new dataset.

    Args:
        finish: finish the handshake and ask capabilities behind TLS; False: stop at the first flight.
    Raises:
        AssertionError: not every grab came to its end and onto the disk.
    """
    settings = _settings(service, port, in_flight, ehlo_name, finish)
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name:
        data = Path(name)
        dialer = Dialer(settings.politeness, Exclusions(), settings.study.allow_special)
        recorder = Recorder(data)
        progress = CollectProgress(hosts=grabs)
        collector = Collector(
            settings, Grabber(settings, "bench", dialer), recorder, progress, lambda progress: None
        )
        await collector.collect(_work(addresses, grabs, service))
        recorder.close()
        _check(data, grabs, None if service == "ssh" else finish)


def _settings(service: str, port: int, in_flight: int, ehlo_name: str, finish: bool) -> Settings:
    return Settings.model_validate(
        {
            "study": {"allow_special": True, "ehlo_name": ehlo_name},
            "politeness": {
                "connections_per_s": 1e6,
                "prefix_connections_per_s": 1e6,
                "prefix_connections": in_flight,
                "in_flight": in_flight,
            },
            "collect": {"services": (service,), "finish_tls": finish},
            "ports": {service: port},
        }
    )


def _work(addresses: Sequence[str], grabs: int, service: str) -> Iterator[HostWork]:
    asks = (Ask(service, 1, None),)
    for number in range(grabs):
        yield HostWork(addresses[number % len(addresses)], asks)


def _check(data: Path, grabs: int, finished: bool | None) -> None:
    """A grab that fails early is cheap, and would flatter us. Costs about a microsecond per grab, ours to bear."""
    parts = sorted((data / "grabs").glob("*.parquet"))
    tables = [pyarrow.parquet.read_table(part, columns=["outcome", "tls.finished"]) for part in parts]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len(rows) == grabs, f"{len(rows)} grabs on disk, not {grabs}"
    other = [row for row in rows if row != {"outcome": "ok", "finished": finished}]
    assert not other, f"{len(other)} grabs did not end well, such as {other[0]}"
