"""What collection has still to ask: every service of every hit that has no final grab yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from mailcensus.dataset.tables import Dataset

_PENDING = """
WITH last AS (
    SELECT ip, service, max(attempt) AS attempt, arg_max(outcome, attempt) AS outcome, max(started_at) AS at
    FROM grabs WHERE run_id = $run_id GROUP BY ip, service
), hosts AS (
    SELECT ip, min(seen_at) AS seen_at FROM hits WHERE run_id = $run_id AND NOT canary GROUP BY ip
), services AS (
    SELECT unnest($services) AS service, generate_subscripts($services, 1) AS place
)
SELECT ip, service, coalesce(last.attempt, 0)::INTEGER + 1 AS attempt, epoch_us(last.at) AS at_us
FROM hosts CROSS JOIN services LEFT JOIN last USING (ip, service)
WHERE last.attempt IS NULL OR (last.outcome = 'rate_limited' AND last.attempt < $attempts)
ORDER BY seen_at, ip, place
"""

_PENDING_COUNT = f"SELECT count(DISTINCT ip) FROM ({_PENDING.split('ORDER BY')[0]})"

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


def pending(data: Path, run_id: str, services: Sequence[str], attempts: int) -> Iterator[HostWork]:
    """What is left of a run, in the order in which hosts were found.

    Args:
        services: names of services, in the order of asking.
        attempts: how often a service is asked while its answer is `rate_limited`.
    Returns:
        Hosts with something left to ask. Reads what is on disk when it is called; grabs recorded while
        iterating do not change it. Canaries are not asked.
    """
    result = execute(data, _PENDING, _TABLES, run_id=run_id, services=list(services), attempts=attempts)
    for ip, rows in groupby(rows_of(result), itemgetter(0)):
        yield HostWork(
            ip, tuple(Ask(service, attempt, _moment(at_us)) for _, service, attempt, at_us in rows)
        )


def count_pending(data: Path, run_id: str, services: Sequence[str], attempts: int) -> int:
    """How many hosts `pending` would give."""
    result = execute(data, _PENDING_COUNT, _TABLES, run_id=run_id, services=list(services), attempts=attempts)
    return int(result.fetchone()[0])


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


def _moment(at_us: int | None) -> datetime | None:
    """DuckDB hands times over as numbers: its own conversion needs a time zone package."""
    return None if at_us is None else _EPOCH + timedelta(microseconds=at_us)
