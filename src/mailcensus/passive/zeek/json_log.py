"""Logs as JSON: one object a line. Files in which several logs stand together tell them apart by `_path`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from mailcensus.passive.zeek.log_kinds import LOGS, Kind, LogKind
from mailcensus.passive.zeek.opening import Block
from mailcensus.passive.zeek.rejects import BadRow
from mailcensus.passive.zeek.text_log import LINE

_ARROW: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(), Kind.BOOL: pa.bool_(), Kind.COUNT: pa.int64(), Kind.LIST: pa.list_(pa.string()),
}  # fmt: skip
_NO_OBJECT = "no JSON object"
_LONG_DIGITS = 18


@dataclass(frozen=True, slots=True)
class JsonRows:
    """Rows of one log: the columns that are read, times as numbers or texts, and LINE."""

    log: LogKind
    rows: pa.Table
    bad: list[BadRow]
    lines: int
    """How many there were, good and bad."""


@dataclass(frozen=True, slots=True)
class JsonReader:
    """Reads the blocks of one file."""

    log: LogKind | None
    """The one log that it is; None: each row says by `_path` which it is of."""

    def read(self, block: Block) -> Iterator[JsonRows]:
        """The rows of a block, by log."""
        if self.log is not None:
            yield _rows(self.log, block)
            return
        if (one := _one_log(block)) is not None:
            yield _rows(one, block)
            return
        lines = pa.array(block.data.split(b"\n")[:-1], pa.binary())
        for log in LOGS.values():
            # Quotes within a JSON text are escaped: this is never part of one.
            of_log = pc.match_substring_regex(lines.cast(pa.string()), rf'"_path"\s*:\s*"{log.path}"')
            places = pc.indices_nonzero(of_log).to_pylist()
            if places:
                yield _some(log, [lines[place].as_py() for place in places], block.first_line, places)


def first_object(data: bytes) -> dict[str, object] | None:
    """The object on the first line that is not empty; None: it is none."""
    for line in data.split(b"\n", 64)[:64]:
        if line.strip():
            return _object(line)
    return None


def _one_log(block: Block) -> LogKind | None:
    """The one log of which every row of a block is, written as Zeek writes it; None: look at each."""
    row = first_object(block.data)
    log = LOGS.get(str(row["_path"])) if row and "_path" in row else None
    whole = log is not None and block.data.count(b'"_path":"%s"' % log.path.encode()) == block.lines
    return log if whole else None


def _rows(log: LogKind, block: Block) -> JsonRows:
    """Quickly, or where a row is bad one after the other."""
    rows = _quickly(log, block.data)
    if rows is not None and rows.num_rows == block.lines:
        lines = np.arange(block.first_line, block.first_line + rows.num_rows)
        return JsonRows(log, rows.append_column(LINE, pa.array(lines, pa.int64())), [], rows.num_rows)
    lines_of_block = block.data.split(b"\n")[:-1]
    return _each(log, lines_of_block, [block.first_line + place for place in range(len(lines_of_block))])


def _some(log: LogKind, lines: list[bytes], first_line: int, places: list[int]) -> JsonRows:
    numbers = [first_line + place for place in places]
    rows = _quickly(log, b"\n".join(lines) + b"\n")
    if rows is not None and rows.num_rows == len(lines):
        return JsonRows(log, rows.append_column(LINE, pa.array(numbers, pa.int64())), [], rows.num_rows)
    return _each(log, lines, numbers)


def _quickly(log: LogKind, data: bytes) -> pa.Table | None:
    times = {name for name, kind in log.fields.items() if kind is Kind.TIME}
    sample = first_object(data) or {}
    schema = pa.schema(
        [
            (name, _time_type(sample.get(name)) if name in times else _ARROW[kind])
            for name, kind in log.fields.items()
        ]
    )
    try:
        rows = pa.json.read_json(
            pa.BufferReader(data),
            pa.json.ReadOptions(block_size=1 << 20),
            pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return rows


def _time_type(value: object) -> pa.DataType:
    return pa.string() if isinstance(value, str) else pa.float64()


def _each(log: LogKind, lines: list[bytes], numbers: list[int]) -> JsonRows:
    kept: list[dict[str, object]] = []
    places: list[int] = []
    bad: list[BadRow] = []
    for number, line in zip(numbers, lines, strict=True):
        if not line.strip():
            continue
        row = _object(line)
        if row is None:
            bad.append(BadRow(number, _NO_OBJECT))
        else:
            kept.append({name: _value(kind, row.get(name)) for name, kind in log.fields.items()})
            places.append(number)
    schema = pa.schema(
        [(name, pa.string() if kind is Kind.TIME else _ARROW[kind]) for name, kind in log.fields.items()]
    )
    rows = pa.Table.from_pylist(kept, schema=schema)
    return JsonRows(log, rows.append_column(LINE, pa.array(places, pa.int64())), bad, len(places) + len(bad))


def _object(line: bytes) -> dict[str, object] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _value(kind: Kind, value: object) -> object:
    """A value where it is of its kind; anything else is as if it were not there."""
    match kind:
        case Kind.TEXT:
            # Two versions of a log have a number here and a text there (ssl's, ssh's version).
            return _writable(value) if isinstance(value, str) else None
        case Kind.BOOL:
            return value if isinstance(value, bool) else None
        case Kind.COUNT:
            whole = isinstance(value, int) and not isinstance(value, bool)
            return value if whole and 0 <= value < 10**_LONG_DIGITS else None  # type: ignore[operator]
        case Kind.TIME:
            return (
                str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
            )
        case Kind.LIST:
            return (
                [_writable(one) for one in value if isinstance(one, str)] if isinstance(value, list) else None
            )


def _writable(text: str) -> str:
    """Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark."""
    return text.encode(errors="replace").decode()
