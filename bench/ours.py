"""Our grabs as a study makes them: dialer and its politeness (wide open), engine, recorder, dataset on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

import pyarrow.parquet

from mailcensus.dataset.pending import Ask, HostWork
from mailcensus.dataset.recorder import Recorder
from mailcensus.model import Observation
from mailcensus.population import Exclusions
from mailcensus.probe.collector import Collector, CollectProgress
from mailcensus.probe.dialer import Dialer
from mailcensus.probe.grab import Grabber, Special
from mailcensus.study import Settings
from mailcensus.wire.services import Service

GrabMany = Callable[[int], Awaitable[None]]
"""A round of so many grabs."""


@contextmanager
def recorded_grabs(
    addresses: Sequence[str],
    port: int,
    grabs: int,
    *,
    in_flight: int,
    ehlo_name: str,
    finish: bool,
    service: str = "smtp",
    server_name: str | None = None,
) -> Iterator[GrabMany]:
    """Rounds of so many grabs: one service of one address after the other, over and over, recorded to a new dataset.

    The dataset is opened before the first round, and closed and checked behind the last; every round writes one part,
    as a study does after so many grabs.

    Args:
        finish: finish the handshake and ask capabilities behind TLS; False: stop at the first flight.
        server_name: TLS server name and XMPP domain; None sends none, as a study does.
    Raises:
        AssertionError: not every grab came to its end and onto the disk.
    """
    settings = _settings(service, port, in_flight, ehlo_name, finish)
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name:
        data = Path(name)
        recorder = Recorder(data, flush_rows=grabs)

        async def many(count: int) -> None:
            dialer = Dialer(settings.politeness, Exclusions(), settings.study.allow_special)
            grabber = Grabber(settings, "bench", dialer)
            if server_name is not None:
                grabber = _NamingGrabber(settings, "bench", dialer, server_name)
            progress = CollectProgress(hosts=count)
            collector = Collector(settings, grabber, recorder, progress, lambda progress: None)
            await collector.collect(_work(addresses, count, service))

        yield many
        recorder.close()
        _check(data, recorder.recorded, None if service == "ssh" else finish)


class _NamingGrabber(Grabber):
    """One that asks everybody for one name."""

    def __init__(self, settings: Settings, run_id: str, dialer: Dialer, server_name: str) -> None:
        super().__init__(settings, run_id, dialer)
        self._name = server_name

    async def grab(
        self,
        ip: str,
        service: Service,
        *,
        port: int | None = None,
        attempt: int = 1,
        **special: Unpack[Special],
    ) -> Observation:
        special["server_name"] = self._name
        return await super().grab(ip, service, port=port, attempt=attempt, **special)


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
    """A grab that fails early is cheap, and would flatter us."""
    parts = sorted((data / "grabs").glob("*.parquet"))
    tables = [pyarrow.parquet.read_table(part, columns=["outcome", "tls.finished"]) for part in parts]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len(rows) == grabs, f"{len(rows)} grabs on disk, not {grabs}"
    other = [row for row in rows if row != {"outcome": "ok", "finished": finished}]
    assert not other, f"{len(other)} grabs did not end well, such as {other[0]}"
