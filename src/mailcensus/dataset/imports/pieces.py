"""Grabs of a big file, read by several processes: it is cut into pieces of whole lines, and they come back in order.

A piece comes back as an Arrow table of grabs, so that what is left to one process is to write it. Of a file that is
not compressed only places are handed out, which each process reads by itself. Memory: two pieces for each process.
"""

from __future__ import annotations

import gc
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import IO

import pyarrow as pa

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.imports.censys import read_censys
from mailcensus.dataset.imports.farrell import read_farrell
from mailcensus.dataset.imports.rows import LONGEST_LINE, Open, PassedOver, Reject, Row
from mailcensus.dataset.imports.zgrab2 import read_zgrab2
from mailcensus.dataset.processes import pool_of
from mailcensus.model import Grab, Observation, Outcome
from mailcensus.study import StageFailed

PIECE_BYTES = 4 << 20
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
BATCH_GRABS = 5_000
"""Of rows that come one by one."""

_Reader = Callable[[IO[bytes], str, str, datetime], Iterator[Row]]
READERS: dict[str, _Reader] = {"zgrab2": read_zgrab2, "censys": read_censys, "farrell": read_farrell}
"""Formats whose lines say all by themselves."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file by its place."""

    path: Path
    start: int
    size: int
    """Bytes."""


Piece = bytes | Span
"""Whole lines."""


@dataclass(slots=True)
class Batch:
    """What came of some rows, in their order."""

    grabs: pa.Table
    ok: int = 0
    passed_over: int = 0
    rejects: list[Reject] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)
    """Each once."""
    keys: list[bytes] = field(default_factory=list)
    """Each once."""
    lines: int = 0
    """Of the piece that they stood in, empty ones too."""

    @property
    def rows(self) -> int:
        """How many there were."""
        return int(self.grabs.num_rows) + self.passed_over + len(self.rejects)


@dataclass(frozen=True, slots=True)
class Telling:
    """What grabs shall say of where they come from."""

    run_id: str
    vantage: str
    now: datetime


def batch_of(rows: Iterable[Row]) -> Batch:
    """Rows as a batch."""
    grabs: list[Grab] = []
    batch = Batch(pa.table({}))
    certificates: dict[bytes, None] = {}
    keys: dict[bytes, None] = {}
    for row in rows:
        match row:
            case Observation():
                grabs.append(row.grab)
                batch.ok += row.grab.outcome is Outcome.OK
                for der in row.certificates:
                    certificates[der] = None
                for spki in row.keys:
                    keys[spki] = None
            case Reject():
                batch.rejects.append(row)
            case PassedOver() | Open():
                batch.passed_over += 1
    batch.grabs, batch.certificates, batch.keys = table_of(Grab, grabs), list(certificates), list(keys)
    return batch


def read_pieces(format_name: str, pieces: Iterable[Piece], telling: Telling, workers: int) -> Iterator[Batch]:
    """The batches of the pieces of a file of one of READERS.

    Args:
        workers: processes; 1 reads in this one.
    Raises:
        StageFailed: a process died.
    """
    read = partial(_read, format_name, telling)
    if workers < 2:
        yield from _numbered(map(read, pieces))
        return
    pool = pool_of(workers, _begin_reading)
    try:
        yield from _numbered(_in_order(pool, read, pieces, 2 * workers))
    except BrokenProcessPool as error:
        raise StageFailed(
            f"a process that read the file died ({error}); run the same command again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def pieces_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Pieces of whole lines. Of a line that is too long its beginning is left."""
    while piece := stream.read(PIECE_BYTES):
        if not piece.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            piece += rest
            _pass_over(stream, rest)
        yield piece


def spans_of(file: IO[bytes], path: Path) -> Iterator[Span]:
    """The same pieces of an open file that is not compressed, by their places."""
    start, size = 0, os.fstat(file.fileno()).st_size
    while start < size:
        file.seek(start + PIECE_BYTES - 1)
        _pass_over(file, file.readline(LONGEST_LINE))
        end = min(size, file.tell())
        yield Span(path, start, end - start)
        start = end


def _pass_over(stream: IO[bytes], line: bytes) -> None:
    """Read a line that has begun so to its end."""
    while line and not line.endswith(b"\n"):
        line = stream.readline(LONGEST_LINE)


def _in_order(
    pool: ProcessPoolExecutor, read: Callable[[Piece], Batch], pieces: Iterable[Piece], most: int
) -> Iterator[Batch]:
    """What is read of pieces, `most` of them under way at once."""
    waiting: deque[Future[Batch]] = deque()
    for piece in pieces:
        waiting.append(pool.submit(read, piece))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _numbered(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches whose rejects say where they stand in the file."""
    before = 0
    for batch in batches:
        batch.rejects = [replace(reject, line=before + reject.line) for reject in batch.rejects]
        before += batch.lines
        yield batch


def _read(format_name: str, telling: Telling, piece: Piece) -> Batch:
    lines = piece if isinstance(piece, bytes) else _bytes_of(piece)
    batch = batch_of(READERS[format_name](io.BytesIO(lines), telling.run_id, telling.vantage, telling.now))
    batch.lines = sum(1 for _ in io.BytesIO(lines))  # quicker than bytes.count, which looks at each byte
    return batch


def _bytes_of(span: Span) -> bytes:
    """Of a line that is too long its beginning, as `pieces_of`.

    Raises:
        OSError: they cannot be read.
    """
    with span.path.open("rb") as file:
        file.seek(span.start)
        return file.read(min(span.size, PIECE_BYTES + LONGEST_LINE))


def _begin_reading() -> None:
    _collect_seldom()
    ForkingPickler.register(pa.Table, lambda table: (_table_of, (_bytes_of_table(table),)))


def _collect_seldom() -> None:
    """A piece makes hundreds of thousands of objects and no cycle: looking for some took a twentieth of the time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _bytes_of_table(table: pa.Table) -> bytes:
    """A table as Arrow streams it: half the work of pickling the hundreds of arrays that it is made of."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as out:
        out.write_table(table)
    return bytes(stream.getvalue())


def _table_of(streamed: bytes) -> pa.Table:
    return pa.ipc.open_stream(streamed).read_all()
