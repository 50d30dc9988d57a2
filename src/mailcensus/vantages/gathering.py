"""A piece that is done, put into the dataset of the study.

The rows of a piece are appended table by table; certificates and keys that the dataset has already are passed over.
Before the first of them it is noted where each table ended, so that a kill on the way leaves nothing twice: what lies
beyond the note is removed, and the piece is put in again. Nobody else writes to the dataset meanwhile.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mailcensus.dataset.files import replace_file
from mailcensus.dataset.names import Names
from mailcensus.dataset.parts import PartWriter, visible_files
from mailcensus.dataset.seen import values_of
from mailcensus.model import TABLES, schema_of
from mailcensus.vantages.opt_outs import LOOKED_UP

_NAMES = {"keys": "spki_sha256", "certificates": "sha256"}
"""Tables that have each row once, and what names it."""
_RUNS = "runs"
"""Is of the whole run: the office writes it."""
_BEGUN, _GATHERED = "gathering.json", "gathered.json"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of one piece."""

    asked: int
    """Addresses."""
    excluded: int
    """Addresses."""
    vantages: tuple[str, ...]
    """Those whose grabs are in it."""


class Gatherer:
    """Puts pieces into one dataset, one after the other. Belongs to the process that has the writer lock."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._seen = self._names_there()

    def gather(self, directory: Path) -> Gathered:
        """Put in a piece, once.

        Args:
            directory: of the piece: `data/`, and what is noted here.

        Raises:
            StageFailed: it cannot be written; what was there before is as it was.
            OSError: as that.
        """
        gathered = gathered_of(directory)
        if gathered is None:
            data = directory / "data"
            self._undo(directory)
            writers = self._writers(data)
            ends = {table: writer.next_number for table, writer in writers.items()}
            replace_file(directory / _BEGUN, json.dumps(ends).encode())
            gathered = _told(data)
            for table, writer in writers.items():
                for rows in _row_groups(data / table, table):
                    writer.write_table(self._new(table, rows))
            replace_file(directory / _GATHERED, json.dumps(asdict(gathered)).encode())
        shutil.rmtree(directory / "data", ignore_errors=True)
        return gathered

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        for writer in self._writers(self._data).values():
            writer.compact()

    def _writers(self, data: Path) -> dict[str, PartWriter]:
        """For the tables that a dataset has: keys before certificates, and those before what refers to them."""
        tables = (*_NAMES, *(table for table in TABLES if table not in (*_NAMES, _RUNS)))
        return {
            table: PartWriter(self._data, table, TABLES[table])
            for table in tables
            if visible_files(data / table)
        }

    def _undo(self, directory: Path) -> None:
        """Remove what a killed attempt has left; the names of it are known no more."""
        if not (directory / _BEGUN).exists():
            return
        for table, first in json.loads((directory / _BEGUN).read_bytes()).items():
            PartWriter(self._data, table, TABLES[table]).remove_from(first)
        self._seen = self._names_there()

    def _names_there(self) -> dict[str, Names]:
        return {
            table: Names(map(bytes.fromhex, values_of(self._data / table, column)))
            for table, column in _NAMES.items()
        }

    def _new(self, table: str, rows: pa.Table) -> pa.Table:
        column = _NAMES.get(table)
        if column is None:
            return rows
        seen = self._seen[table]
        is_new = [seen.add(bytes.fromhex(name)) for name in rows[column].to_pylist()]
        return rows.filter(pa.array(is_new, pa.bool_()))


def gathered_of(directory: Path) -> Gathered | None:
    """What came of a piece that is in the dataset; None: it is not."""
    try:
        told = json.loads((directory / _GATHERED).read_bytes())
    except FileNotFoundError:
        return None
    return Gathered(told["asked"], told["excluded"], tuple(told["vantages"]))


def _told(data: Path) -> Gathered:
    """What the piece's own rows of `runs` say."""
    rows = [row for file in visible_files(data / _RUNS) for row in pq.read_table(file).to_pylist()]
    (swept,) = [row for row in rows if row["stage"] == "discover"]
    vantages = sorted(set(values_of(data / "grabs", "vantage")) | {swept["vantage"]})
    return Gathered(swept["asked"], swept["excluded"], tuple(vantages))


def _row_groups(directory: Path, table: str) -> Iterator[pa.Table]:
    """The rows of a table of a piece, a row group in memory at a time."""
    for file in visible_files(directory):
        with pq.ParquetFile(file) as source:
            for index in range(source.num_row_groups):
                yield _as_the_studys(table, source.read_row_group(index).cast(schema_of(TABLES[table])))


def _as_the_studys(table: str, rows: pa.Table) -> pa.Table:
    """Of exclusions a piece knows only how many of its own addresses they cover, and what was looked up for it."""
    if table != "exclusions":
        return rows
    rows = rows.filter(pc.not_equal(rows["file"], LOOKED_UP))
    place = rows.schema.get_field_index("addresses")
    return rows.set_column(
        place, rows.schema.field(place), pa.nulls(len(rows), rows.schema.field(place).type)
    )
