"""What the dataset holds on one address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mailcensus.dataset.parts import visible_files
from mailcensus.dataset.tables import Dataset
from mailcensus.model import TABLES, schema_of

_COLUMNS = ("ip", "client_ip")
"""Of an address that rows are about: one we asked, or one that came to receivers of ours."""
_MOST_ROWS = 1_000
_MEMORY = "512MB"


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one table about one address."""

    table: str
    rows: list[dict[str, Any]]
    """At most a thousand."""


def held_on(data: Path, ip: str) -> list[Held]:
    """Everything recorded under an address, whether it has opted out since or not.

    Args:
        data: the dataset.
        ip: as the dataset writes them.
    """
    queries = {name: query for name, record in TABLES.items() if (query := _query(name, record))}
    with_rows = [name for name in queries if visible_files(data / name)]
    if not with_rows:
        return []
    dataset = Dataset(data)
    con = dataset.connection.con
    con.execute(f"SET memory_limit = '{_MEMORY}'")
    con.execute("SET threads = 1")  # a page, beside a scan that has better things to do
    found = []
    for name in with_rows:
        dataset.table(name)
        rows = con.execute(queries[name], {"ip": ip}).to_arrow_table().to_pylist()
        if rows:
            found.append(Held(name, [_plain(row) for row in rows]))
    return found


def _query(table: str, record: type) -> str | None:
    """Rows about one address; None: the table has none about addresses."""
    about = [f"{column} = $ip" for column in _COLUMNS if column in schema_of(record).names]
    return f'SELECT * FROM "{table}" WHERE {" OR ".join(about)} LIMIT {_MOST_ROWS}' if about else None


def first_asked(data: Path) -> datetime | None:
    """When the first stage of the study that has ended began; None: none has."""
    if not visible_files(data / "runs"):
        return None
    earliest = Dataset(data).table("runs").started_at.min().to_pyarrow().as_py()
    return earliest if isinstance(earliest, datetime) else None


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON can have it, without what was not recorded."""
    return {name: _value(value) for name, value in row.items() if value is not None}


def _value(value: object) -> object:
    match value:
        case dict():
            return _plain(value)
        case list():
            return list(_values(value))
        case bytes():
            return value.hex()
        case str() | int() | float() | bool() | None:
            return value
    return str(value)


def _values(values: list[object]) -> Iterator[object]:
    return map(_value, values)
