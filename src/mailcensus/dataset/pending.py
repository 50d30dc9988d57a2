"""What collection has still to ask: every service of every hit that has no final grab yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailcensus.dataset.rows_on_disk import RowsOnDisk
from mailcensus.dataset.tables import Dataset

_PENDING = """
WITH last AS (
    SELECT ip, service, max(attempt) AS attempt, arg_max(outcome, attempt) AS outcome, max(started_at) AS last_at
    FROM grabs WHERE run_id = $run_id AND list_contains($services, service) GROUP BY ip, service
), judged AS (
    SELECT *, outcome = 'rate_limited' AND attempt < $attempts AS again FROM last
), asked_hosts AS (
    SELECT ip, count(*) FILTER (NOT again) AS done,
           list({'service': service, 'attempt': attempt, 'again': again, 'at_us': epoch_us(last_at)}) AS asked
    FROM judged GROUP BY ip
), hosts AS (
    SELECT ip, min(seen_at) AS seen_at FROM hits WHERE run_id = $run_id AND NOT canary GROUP BY ip
)
SELECT ip, asked FROM hosts LEFT JOIN asked_hosts USING (ip)
WHERE done IS NULL OR done < len($services)
ORDER BY seen_at, ip
"""

_COUNTS = """
SELECT count(*), count(*) FILTER (outcome = 'ok'), count(*) FILTER (outcome = 'excluded')
FROM grabs WHERE run_id = $run_id
"""

_FETCH_ROWS = 10_000
_TABLES = ("hits", "grabs")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ask:
    """One service to ask of a host."""

    service: str
    attempt: int
    """1 for the first; n + 1 after n rate-limited grabs."""
    last_at: datetime | None
    """When the last attempt began; None for the first. The pause before the next one counts from here."""


@dataclass(frozen=True, slots=True)
class HostWork:
    """What is left to ask of one host, in the study's order of services."""

    ip: str
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class GrabCounts:
    """Grabs of one run on disk, over all its sessions."""

    grabs: int
    ok: int
    excluded: int


def first_asks(services: Sequence[str]) -> tuple[Ask, ...]:
    """What there is to ask of a host that nobody has asked yet."""
    return tuple(Ask(service, 1, None) for service in services)


class Pending:
    """What is left of a run, in the order in which hosts were found.

    It is what is on disk when it is made; grabs recorded while iterating do not change it. Canaries are not asked. It
    costs no memory, however many hosts there are.
    """

    def __init__(self, data: Path, run_id: str, services: Sequence[str], attempts: int) -> None:
        """Look what is left.

        Args:
            services: names of services, in the order of asking.
            attempts: how often a service is asked while its answer is `rate_limited`.

        Raises:
            StageFailed: there is no room on the disk to note it down.
        """
        self._services = services
        self._everything = first_asks(services)
        self._hosts = RowsOnDisk(
            data, _PENDING, _TABLES, run_id=run_id, services=list(services), attempts=attempts
        )

    def __len__(self) -> int:
        """How many hosts have something left to ask."""
        return len(self._hosts)

    def __iter__(self) -> Iterator[HostWork]:
        for host in self._hosts:
            yield HostWork(host["ip"], self._asks(host["asked"]))

    def _asks(self, asked: list[dict[str, Any]] | None) -> tuple[Ask, ...]:
        if asked is None:
            return self._everything
        known = {one["service"]: one for one in asked}
        states = ((service, known.get(service)) for service in self._services)
        return tuple(
            Ask(service, 1, None)
            if state is None
            else Ask(service, state["attempt"] + 1, _moment(state["at_us"]))
            for service, state in states
            if state is None or state["again"]
        )


def grab_counts(data: Path, run_id: str) -> GrabCounts:
    """How many grabs a run has on disk, for its row of `runs`."""
    return GrabCounts(*execute(data, _COUNTS, _TABLES, run_id=run_id).fetchone())


def execute(data: Path, query: str, tables: Sequence[str], **parameters: object) -> Any:
    """A DuckDB result over tables of a dataset as they are on disk now."""
    dataset = Dataset(data)
    for name in tables:
        dataset.table(name)
    return dataset.connection.con.execute(query, parameters)


def rows_of(result: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of a DuckDB result, fetched in bounded batches."""
    while rows := result.fetchmany(_FETCH_ROWS):
        yield from rows


def _moment(at_us: int) -> datetime:
    """DuckDB hands times over as numbers: its own conversion needs a time zone package."""
    return _EPOCH + timedelta(microseconds=at_us)
