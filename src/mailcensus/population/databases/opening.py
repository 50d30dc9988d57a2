"""Opens an address database of any known format, which is recognised by what stands in it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from mailcensus.population.databases import delegated, maxmind_csv, pfx2as
from mailcensus.population.databases.builder import TableBuilder
from mailcensus.population.databases.columns import layout_of, read_columns
from mailcensus.population.databases.mmdb import table_of_mmdb
from mailcensus.population.databases.mmdb_metadata import MARKER, SEARCHED_BYTES, metadata_of
from mailcensus.population.databases.mmdb_values import DamagedDatabase
from mailcensus.population.databases.table import AddressTable, Origin
from mailcensus.population.databases.text import Unreadable, lines_of, opened
from mailcensus.study import StudyError

_DATE = re.compile(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)")
_MONTH = re.compile(r"(?<!\d)(20\d\d)-(0[1-9]|1[0-2])(?!\d)")
_FORMATS = (
    "MMDB, CSV (MaxMind, IPinfo, DB-IP, ip-location-db), delegated statistics, pfx2as; each may be gzipped"
)


def open_database(path: Path) -> AddressTable:
    """Read an address database: country, AS, place, or several of these.

    Args:
        path: a file, or a folder of MaxMind CSV files.

    Raises:
        StudyError: it cannot be read, is damaged, of no known format, or none of its rows can be used.
    """
    try:
        table = _folder(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be read: {error.strerror or error}; mend the path in study.toml"
        ) from None
    except DamagedDatabase as error:
        raise StudyError(f"{path}: not a whole MaxMind database ({error}); download it again") from None
    except Unreadable as error:
        raise StudyError(f"{path}: {error}") from None
    if table.rejects.count and not table.facts:
        raise StudyError(
            f"{path}: none of its {table.rejects.count:,} rows can be used; {table.rejects.examples[0]}"
        )
    return table


def _file(path: Path) -> AddressTable:
    with opened(path) as file:
        first = file.read(SEARCHED_BYTES)
        if not first:
            raise Unreadable("is empty; download it again")
        if _is_mmdb(path, first):
            content = first + file.read()
            return table_of_mmdb(content, _origin_of_mmdb(path, content))
    return _text(path)


def _is_mmdb(path: Path, first: bytes) -> bool:
    """By name, or by the metadata of a small file; a text has no zero bytes."""
    return ".mmdb" in path.name.lower() or MARKER in first or b"\0" in first


def _text(path: Path) -> AddressTable:
    line = _first_line(path)
    with opened(path) as file:
        if maxmind_csv.looks_like(line):
            builder = TableBuilder()
            maxmind_csv.read_blocks(builder, file, maxmind_csv.locations_beside(path))
        else:
            builder = _rows(file, line)
        return builder.build(_origin(path, delegated.end_date(line)))


def _rows(file: BinaryIO, first: str) -> TableBuilder:
    if delegated.looks_like(first):
        return delegated.read_delegated(file)
    if pfx2as.looks_like(first):
        return pfx2as.read_pfx2as(file)
    layout = layout_of(first)
    if layout is None:
        raise Unreadable(
            f"its first row {first[:80].rstrip()!a} is of no known address database; known are {_FORMATS}"
        )
    return read_columns(file, layout)


def _first_line(path: Path) -> str:
    """The first line that is no comment."""
    with opened(path) as file:
        return next((line for line in lines_of(file) if line.strip() and not line.startswith("#")), "")


def _folder(path: Path) -> AddressTable:
    """MaxMind's CSV files of one product, IPv4 and IPv6 together."""
    blocks = sorted(path.glob("*-Blocks-IPv[46].csv*"))
    if not blocks or len({file.name.partition("-Blocks-")[0] for file in blocks}) > 1:
        raise Unreadable(
            "a folder must hold the *-Blocks-IPv4.csv and *-Blocks-IPv6.csv of one MaxMind product"
        )
    tables = TableBuilder()
    for file in blocks:
        tables.file = file.name
        line = _first_line(file)
        with opened(file) as content:
            if maxmind_csv.looks_like(line):
                maxmind_csv.read_blocks(tables, content, maxmind_csv.locations_beside(file))
            elif (layout := layout_of(line)) is not None:
                read_columns(content, layout, tables)
            else:
                raise Unreadable(f"{file.name} is of no known format")
    return tables.build(_origin(path, None))


def _origin_of_mmdb(path: Path, content: bytes) -> Origin:
    built = metadata_of(content).built_at
    if built is None or built > datetime.max.replace(tzinfo=UTC).timestamp():
        return _origin(path, None)
    return Origin(path.name, f"{datetime.fromtimestamp(built, UTC):%Y-%m-%d}", "built")


def _origin(path: Path, inside: str | None) -> Origin:
    """The date in it, in its name or in its folder's name, or the file's own."""
    if inside is not None:
        return Origin(path.name, inside, "built")
    for name in (path.name, path.resolve().parent.name):
        if (dated := _dated(name)) is not None:
            return Origin(path.name, dated, "dated")
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Origin(path.name, f"{modified:%Y-%m-%d}", "modified")


def _dated(name: str) -> str | None:
    for match in _DATE.finditer(name):
        try:
            return date(*map(int, match.groups())).isoformat()
        except ValueError:
            continue
    month = _MONTH.search(name)
    return month[0] if month is not None else None
