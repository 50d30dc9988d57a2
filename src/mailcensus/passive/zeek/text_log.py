"""Logs as text: header lines that name separators and fields, then one row a line.

A header may come again in the same file, with other fields or even another log: files of several days laid one behind
the other are one file. Lines that begin with `#` are never rows, since rows begin with a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mailcensus.passive.zeek.log_kinds import LOGS, Kind, LogKind
from mailcensus.passive.zeek.opening import Block
from mailcensus.passive.zeek.rejects import BadRow

LINE = "line"
"""Column with a row's place in its file."""
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-fA-F]{2})")
_BETWEEN = b"\x1f"
"""Stands for a separator of several bytes, which values have escaped."""
_WRONG_NUMBER = "not as many fields as the header names"


@dataclass(frozen=True, slots=True)
class Header:
    """What the header lines so far have said; the start is Zeek's default."""

    separator: bytes = b"\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    path: str | None = None
    fields: tuple[str, ...] = ()

    @property
    def log(self) -> LogKind | None:
        """The log that rows belong to; None: none that is read."""
        if self.path is not None:
            return LOGS.get(self.path)
        return next((log for log in LOGS.values() if log.known_by and log.known_by <= set(self.fields)), None)

    def after(self, line: bytes) -> Header:
        """What is so behind one more header line."""
        if line.startswith(b"#separator "):
            return replace(Header(), separator=_unescaped(line.removeprefix(b"#separator ").strip()) or b"\t")
        name, *values = line.decode().removeprefix("#").split(self.separator.decode(errors="replace"))
        first = values[0] if values else ""
        match name:
            case "set_separator":
                return replace(self, set_separator=first or ",")
            case "empty_field":
                return replace(self, empty=first)
            case "unset_field":
                return replace(self, unset=first)
            case "path":
                return replace(self, path=first.split(".")[0])
            case "fields":
                return replace(self, fields=tuple(values))
        return self


@dataclass(frozen=True, slots=True)
class TextRows:
    """Rows of one log, still as text: the columns that are read and LINE."""

    log: LogKind | None
    """None: rows of a log that is not read; there are no columns then."""
    header: Header
    rows: pa.Table
    bad: list[BadRow]
    lines: int
    """How many there were, good and bad."""


class TextReader:
    """Reads one file's blocks, in their order."""

    def __init__(self, path: str | None) -> None:
        """Begin; the path is that of the file's name, for files without header lines."""
        self._header = Header(path=path)

    def read(self, block: Block) -> Iterator[TextRows]:
        """The rows of a block, in pieces of one header each."""
        for lines, data in _runs(block):
            if data.startswith(b"#"):
                for line in data.splitlines():
                    self._header = self._header.after(line)
            elif not self._header.fields and (names := names_fields(data, self._header.path)):
                self._header = replace(self._header, fields=names)
                if rest := data.partition(b"\n")[2]:
                    yield _rows(self._header, Block(lines + 1, rest))
            else:
                yield _rows(self._header, Block(lines, data))


def names_fields(data: bytes, path: str | None) -> tuple[str, ...] | None:
    """The fields of a file whose first line are their names alone (LogAscii::tsv); None: no such file."""
    names = tuple(data.partition(b"\n")[0].decode(errors="replace").split("\t"))
    log = LOGS.get(path or "")
    known = log.needs if log else ("id.orig_h", "id.resp_h")
    return names if set(known) <= set(names) else None


def unescaped(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts with \\xNN and \\\\ undone, where there are any; what is no UTF-8 then stays as it was."""
    if not pc.any(pc.match_substring(texts, "\\")).as_py():
        return texts
    coded = texts.combine_chunks().dictionary_encode()
    words = pa.array([_text(word) for word in coded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([words.take(coded.indices)])


def _text(word: str) -> str:
    try:
        return _unescaped(word.encode()).decode()
    except UnicodeDecodeError:
        return word


def _unescaped(word: bytes) -> bytes:
    return _ESCAPE.sub(
        lambda found: b"\\" if found[1] == b"\\" else bytes.fromhex(found[1][1:].decode()), word
    )


def _runs(block: Block) -> Iterator[tuple[int, bytes]]:
    """A block in runs of header lines and runs of rows, each with the number of its first line."""
    data, at, line = block.data, 0, block.first_line
    while at < len(data):
        header = data.startswith(b"#", at)
        end = at
        if header:
            while data.startswith(b"#", end):
                end = data.find(b"\n", end) + 1
        else:
            end = data.find(b"\n#", at) + 1 or len(data)
        yield line, data[at:end]
        line += data.count(b"\n", at, end)
        at = end


def _rows(header: Header, block: Block) -> TextRows:
    log = header.log
    missing = log and set(log.needs) - set(header.fields)
    if log is None or not header.fields or missing:
        return TextRows(None, header, pa.table({}), [], block.lines)
    bad: list[BadRow] = []
    places: Sequence[int] | None = None
    rows = None
    if b"\n\n" not in block.data and not block.data.startswith(b"\n"):
        rows = _columns(header, log, block.data)
    if rows is None:
        data, places, bad = _sound(header, block)
        rows = _columns(header, log, data)
    if rows is None:  # control characters that end lines for a CSV reader and not for us
        bad = [BadRow(block.first_line, "a block that cannot be read")]
        return TextRows(log, header, pa.table({}), bad, block.lines)
    lines = places or np.arange(block.first_line, block.first_line + rows.num_rows)
    numbered = rows.append_column(LINE, pa.array(lines, pa.int64()))
    return TextRows(log, header, numbered, bad, rows.num_rows + len(bad))


def _columns(header: Header, log: LogKind, data: bytes) -> pa.Table | None:
    """The columns of the log that the header names; None: a row has not as many fields as it should."""
    wanted = [name for name in dict.fromkeys(header.fields) if name in log.fields]
    separator = header.separator
    if len(separator) > 1:
        data, separator = data.replace(separator, _BETWEEN), _BETWEEN
    wrong: list[object] = []

    def note(row: object) -> str:
        wrong.append(None)
        return "skip"

    if not data:
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    try:
        rows = pa.csv.read_csv(
            pa.BufferReader(data),
            pa.csv.ReadOptions(column_names=_different(header.fields), block_size=1 << 20),
            pa.csv.ParseOptions(
                delimiter=separator.decode(), quote_char=False, double_quote=False,
                ignore_empty_lines=False, invalid_row_handler=note,
            ),
            pa.csv.ConvertOptions(
                check_utf8=False, include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()),
                null_values=[header.unset], strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None
    if wrong or rows.num_rows != data.count(b"\n"):
        return None
    texts = [name for name in wanted if log.fields[name] is Kind.TEXT]
    for name in texts:
        rows = rows.set_column(rows.schema.get_field_index(name), name, unescaped(rows[name]))
    return rows


def _different(fields: Sequence[str]) -> list[str]:
    """Names of columns; of a name that comes twice the first counts."""
    return [name if name not in fields[:place] else f"{name}\n{place}" for place, name in enumerate(fields)]


def _sound(header: Header, block: Block) -> tuple[bytes, list[int], list[BadRow]]:
    """The lines with the right number of fields, their places, and the others."""
    good: list[bytes] = []
    places: list[int] = []
    bad: list[BadRow] = []
    separators = len(header.fields) - 1
    for place, line in enumerate(block.data.split(b"\n")[:-1], block.first_line):
        line = line.removesuffix(b"\r")
        if not line:
            continue
        if line.count(header.separator) == separators and b"\r" not in line:
            good.append(line)
            places.append(place)
        else:
            bad.append(BadRow(place, _WRONG_NUMBER))
    return b"".join(line + b"\n" for line in good), places, bad
