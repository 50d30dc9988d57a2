"""Grabs of a big file, read by several processes: it is cut into pieces of whole lines, and they come back in order.

A piece comes back as an Arrow table of grabs, so that what is left to one process is to write it. Memory: two pieces
for each process.
"""

from __future__ import annotations

import gc
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
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
                certificates.update(dict.fromkeys(row.certificates))
                keys.update(dict.fromkeys(row.keys))
            case Reject():
                batch.rejects.append(row)
            case PassedOver() | Open():
                batch.passed_over += 1
    batch.grabs, batch.certificates, batch.keys = table_of(Grab, grabs), list(certificates), list(keys)
    return batch


def read_pieces(format_name: str, stream: IO[bytes], telling: Telling, workers: int) -> Iterator[Batch]:
    """The batches of a file of one of READERS.

    Args:
        workers: processes; 1 reads in this one.
    Raises:
        StageFailed: a process died.
    """
    if workers < 2:
        for before, piece in pieces_of(stream):
            yield _read(format_name, telling, before, piece)
        return
    pool = pool_of(workers, _collect_seldom)
    try:
        yield from _in_order(pool, format_name, stream, telling, workers)
    except BrokenProcessPool as error:
        raise StageFailed(
            f"a process that read the file died ({error}); run the same command again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def pieces_of(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Pieces of whole lines, with the number of lines before each. Of a line that is too long its beginning is left."""
    before = 0
    while piece := stream.read(PIECE_BYTES):
        if not piece.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            piece += rest
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(LONGEST_LINE)
        yield before, piece
        before += piece.count(b"\n") + (not piece.endswith(b"\n"))


def _in_order(
    pool: ProcessPoolExecutor, format_name: str, stream: IO[bytes], telling: Telling, workers: int
) -> Iterator[Batch]:
    waiting: deque[Future[Batch]] = deque()
    for before, piece in pieces_of(stream):
        waiting.append(pool.submit(_read, format_name, telling, before, piece))
        if len(waiting) >= 2 * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _read(format_name: str, telling: Telling, before: int, piece: bytes) -> Batch:
    rows = READERS[format_name](io.BytesIO(piece), telling.run_id, telling.vantage, telling.now)
    batch = batch_of(rows)
    batch.rejects = [replace(reject, line=before + reject.line) for reject in batch.rejects]
    return batch


def _collect_seldom() -> None:
    """A piece makes hundreds of thousands of objects and no cycle: looking for some took a twentieth of the time."""
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
