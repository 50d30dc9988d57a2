"""Rows of logs with their types, in a DuckDB file of their own beside the dataset, for as long as they are read.

Connections of one log are looked up by another's: a set of a day may have more rows than memory has room for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from mailcensus.passive.zeek.log_kinds import LOGS, Kind, LogKind
from mailcensus.passive.zeek.rejects import BadRow
from mailcensus.passive.zeek.text_log import LINE, Header
from mailcensus.wire.services import Service

MEMORY = "1GB"
_TYPES = {Kind.TEXT: "VARCHAR", Kind.BOOL: "BOOLEAN", Kind.COUNT: "BIGINT", Kind.TIME: "TIMESTAMP",
          Kind.LIST: "VARCHAR[]"}  # fmt: skip
_ADDRESSES, _PORTS = ("id.orig_h", "id.resp_h", "host"), ("id.orig_p", "id.resp_p", "port_num")
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(\.{_OCTET}){{3}}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
"""IPv4 to the letter; of IPv6 what may be one: addresses are read for good when flows are made."""
_LAST_SECOND, _MILLISECONDS = 1 << 33, 100_000_000_000
"""The year 2242; numbers beyond the second are milliseconds (JSON::TS_MILLIS)."""
_SPOKEN = "ssl|ssh|smtp|pop3|imap|irc|xmpp"
"""What conn.log calls the services of which a connection is worth a flow on any port."""
_NO_VALUE = "a time, address or port that is none, or a field that must be there is missing"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some rows."""

    rows: int
    passed_over: int
    """Sound, and not of a connection that is worth a flow."""
    bad: list[BadRow]


class Store:
    """Takes rows. A context manager: what it holds is gone behind it.

    Attributes:
        connection: the DuckDB connection; a table for each log, named as it is.
        services: by their ports.
    """

    def __init__(self, folder: Path, services: Mapping[int, Service]) -> None:
        """Open one in a folder, which is the dataset's: logs are as big as it is."""
        self.services = services
        self._wanted = _wanted(services)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix=".zeek-", dir=folder)
        self.connection: Any = duckdb.connect(str(Path(self._folder.name) / "rows.duckdb"))
        self.connection.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
        self.connection.execute("SET enable_progress_bar = false")
        for log in LOGS.values():
            self.connection.execute(_create(log))

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        self._folder.cleanup()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is taken within is stored at once at its end: three times as quick as piece by piece."""
        self.connection.begin()
        try:
            yield
        finally:
            self.connection.commit()

    def take(self, log: LogKind, rows: pa.Table, source: int, header: Header | None) -> Taken:
        """Rows of a log, as a reader made them.

        Args:
            source: number of the file.
            header: how texts are to be read; None: the rows are JSON's.
        """
        if not rows.num_rows:
            return Taken(0, 0, [])
        self.connection.register("piece", rows)
        typed = f"SELECT {LINE}, {_typed(log, rows.schema, header)} FROM piece"
        wanted = f"({_sound(log)}) AND ({self._wanted.get(log.path, 'true')})"
        columns = ", ".join(f'"{name}"' for name in log.fields)
        inserted = self.connection.execute(
            f"INSERT INTO {log.path} SELECT {source}, {_key(log)}, {columns} FROM ({typed}) WHERE {wanted}"
        ).fetchall()[0][0]
        taken = Taken(inserted, 0, [])
        if inserted < rows.num_rows:
            lines = self.connection.execute(
                f"SELECT {LINE} FROM ({typed}) WHERE NOT coalesce({_sound(log)}, false) ORDER BY 1"
            )
            bad = [BadRow(line, _NO_VALUE) for (line,) in lines.fetchall()]
            taken = Taken(inserted, rows.num_rows - inserted - len(bad), bad)
        self.connection.unregister("piece")
        return taken


def _wanted(services: Mapping[int, Service]) -> Mapping[str, str]:
    """What is kept of a log, where that is not all of it. TLS over datagrams (DTLS) is no connection of ours."""
    ports = ", ".join(map(str, services))
    return {
        "conn": f"""coalesce(proto, 'tcp') = 'tcp' AND ("id.resp_p" IN ({ports})
            OR coalesce(regexp_matches(service, '(^|,)({_SPOKEN})(,|$)'), false))""",
        "ssl": "coalesce(version, '') NOT LIKE 'DTLS%'",
        "known_services": "coalesce(port_proto, 'tcp') = 'tcp'",
    }


def _create(log: LogKind) -> str:
    columns = ", ".join(f'"{name}" {_TYPES[kind]}' for name, kind in log.fields.items())
    return f"CREATE TABLE {log.path} (source UINTEGER, key UBIGINT, {columns})"


def _key(log: LogKind) -> str:
    """A number by which rows of one connection are found: of its uid and addresses, so that sets of several days
    and machines, whose uids may be the same, are kept apart."""
    if "uid" not in log.fields:
        return "NULL"
    connection = '"id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"'
    return f"hash(uid, CASE WHEN uid IS NULL THEN epoch_us(ts) END, {connection})"


def _sound(log: LogKind) -> str:
    there = [f'"{name}" IS NOT NULL' for name in log.needs]
    return " AND ".join(there)


def _typed(log: LogKind, schema: pa.Schema, header: Header | None) -> str:
    columns = []
    for name, kind in log.fields.items():
        column = f'"{name}"'
        if name not in schema.names:
            columns.append(f"NULL::{_TYPES[kind]} AS {column}")
            continue
        value = column if header is None else _of_text(column, kind, header)
        columns.append(f"{_narrowed(value, name, kind, schema.field(name).type)} AS {column}")
    return ", ".join(columns)


def _of_text(column: str, kind: Kind, header: Header) -> str:
    empty, between = (word.replace("'", "''") for word in (header.empty, header.set_separator))
    match kind:
        case Kind.TEXT:
            return f"CASE WHEN {column} = '{empty}' THEN '' ELSE {column} END"
        case Kind.BOOL:
            return f"CASE {column} WHEN 'T' THEN true WHEN 'F' THEN false END"
        case Kind.COUNT:
            return f"TRY_CAST({column} AS BIGINT)"
        case Kind.LIST:
            return f"CASE WHEN {column} = '{empty}' THEN []::VARCHAR[] ELSE string_split({column}, '{between}') END"
        case Kind.TIME:
            return column


def _narrowed(value: str, name: str, kind: Kind, arrow: pa.DataType) -> str:
    """Values of their kind and within its bounds; anything else is null."""
    if kind is Kind.TIME:
        return _time(value, text=pa.types.is_string(arrow))
    if name in _ADDRESSES:
        return f"CASE WHEN regexp_full_match({value}, '{_ADDRESS}') THEN {value} END"
    if name in _PORTS:
        return f"CASE WHEN {value} BETWEEN 0 AND 65535 THEN {value} END"
    if kind is Kind.COUNT:
        return f"CASE WHEN {value} >= 0 THEN {value} END"
    return value


def _time(value: str, *, text: bool) -> str:
    """A number of seconds or milliseconds; as a text also ISO 8601."""
    number = f"TRY_CAST({value} AS DECIMAL(24, 6))" if text else f"TRY_CAST({value} AS DOUBLE)"
    seconds = f"CASE WHEN {number} >= {_MILLISECONDS} THEN {number} / 1000 ELSE {number} END"
    within = f"{number} >= 0 AND ({seconds}) < {_LAST_SECOND}"
    numbered = f"CASE WHEN {within} THEN make_timestamp(round(({seconds}) * 1000000)::BIGINT) END"
    return f"coalesce({numbered}, TRY_CAST({value} AS TIMESTAMP))" if text else numbered
