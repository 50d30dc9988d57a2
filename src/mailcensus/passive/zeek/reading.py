"""A set of Zeek's logs becomes flows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from mailcensus.model import Flow
from mailcensus.passive.zeek.addresses import ClientNames, name_addresses
from mailcensus.passive.zeek.columns import as_record
from mailcensus.passive.zeek.join import flows, prepare
from mailcensus.passive.zeek.opening import CANNOT_READ, Block, blocks_of, open_log
from mailcensus.passive.zeek.rejects import Rejects
from mailcensus.passive.zeek.sniffing import ZeekFile
from mailcensus.passive.zeek.store import Store
from mailcensus.passive.zeek.text_log import TextRows

_BATCH = 100_000


@dataclass(slots=True)
class FileRead:
    """What was in one file."""

    path: Path
    kind: str
    source: str
    """As in `flows`: its name, with its folder's where two files have the same one."""
    rows: int = 0
    bytes: int = 0
    taken: int = 0
    passed_over: int = 0
    """Sound, and of no log or connection that is read."""
    bad: int = 0
    flows: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    error: str | None = None
    repeated_in_set: int = 0
    """Of the last file: rows of the whole set that tell once more of a connection that the same log has told of."""
    no_address_in_set: int = 0
    """Of the last file: connections of the whole set whose server's address is none."""


@dataclass(slots=True)
class SetRead:
    """What was in a set of files."""

    files: list[FileRead] = field(default_factory=list)
    flows: int = 0


class ZeekLogs:
    """Reads files into a store, then gives flows and what else they tell."""

    def __init__(self, store: Store, rejects: Path, on_progress: Callable[[SetRead], None]) -> None:
        """Begin.

        Args:
            store: knows on which ports services are.
            rejects: folder where places of bad rows are kept.
            on_progress: told the counts so far, some times a second.
        """
        self._store = store
        self._rejects = rejects
        self._on_progress = on_progress
        self._logs: set[str] = set()
        self.read = SetRead()

    def take(self, file: ZeekFile, source: str) -> None:
        """Read one file to its end, or to where it cannot be read on: what came before counts.

        Raises:
            StageFailed: places of bad rows cannot be written.
        """
        read = FileRead(file.path, file.kind, source)
        number = len(self.read.files)
        self.read.files.append(read)
        rejects = Rejects(self._rejects, source.replace("/", "_"))
        try:
            with self._store.together(), open_log(file.path) as stream:
                for block in blocks_of(stream):
                    self._take_block(file, block, number, read, rejects)
                    self._on_progress(self.read)
        except CANNOT_READ as error:
            read.error = f"cannot be read on from here: {error}"
        read.bad = rejects.count

    def flows(self, run_id: str, clients: ClientNames) -> Iterator[pa.Table]:
        """All flows, as tables with the columns of `flows`. Once, when every file was taken."""
        connection = self._store.connection
        repeated = prepare(connection, frozenset(self._logs), self._store.services)
        no_address = name_addresses(connection, clients)
        if self.read.files:
            self.read.files[-1].repeated_in_set, self.read.files[-1].no_address_in_set = repeated, no_address
        connection.register(
            "sources_given",
            pa.table(
                {"number": range(len(self.read.files)), "name": [file.source for file in self.read.files]},
                schema=pa.schema([("number", pa.int64()), ("name", pa.string())]),
            ),
        )
        connection.execute("CREATE OR REPLACE TEMP TABLE sources AS SELECT * FROM sources_given")
        self._tell_times()
        by_name = {file.source: file for file in self.read.files}
        for batch in flows(connection, run_id, _BATCH):
            table = as_record(batch, Flow)
            for found in table["source"].value_counts().to_pylist():
                by_name[found["values"]].flows += found["counts"]
            self.read.flows += len(table)
            self._on_progress(self.read)
            yield table

    def _tell_times(self) -> None:
        for log in self._logs:
            times = f"SELECT source, min(ts), max(ts) FROM {log} GROUP BY source"
            for number, *ends in self._store.connection.execute(times).fetchall():
                file = self.read.files[number]
                known = [time for time in (file.first_at, file.last_at) if time is not None]
                known += [time.replace(tzinfo=UTC) for time in ends]
                file.first_at, file.last_at = min(known), max(known)

    def _take_block(
        self, file: ZeekFile, block: Block, number: int, read: FileRead, rejects: Rejects
    ) -> None:
        read.bytes += len(block.data)
        for piece in file.reader.read(block):
            rejects.add(piece.bad)
            if piece.log is None:
                read.rows += piece.lines
                read.passed_over += piece.lines
                continue
            header = piece.header if isinstance(piece, TextRows) else None
            taken = self._store.take(piece.log, piece.rows, number, header)
            rejects.add(taken.bad)
            self._logs.add(piece.log.path)
            read.rows += piece.lines
            read.taken += taken.rows
            read.passed_over += taken.passed_over
