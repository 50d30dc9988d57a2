"""A file of another tool becomes a run of its own.

The run's id ends in the first digits of the file's SHA-256: the same file again is recognised by it, and changes
nothing. A kill on the way leaves rows without the row in `runs` that ends an import; the next try takes up that run,
passes over as many grabs as are on disk (rows are written in the order of the file), and writes no hit twice.

Grabs of a big file are read by a process for each processor (`pieces`).

Memory: a line or the pieces at work, what waits for the next part, and the names of hits, certificates and keys of the
study.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO

import pyarrow as pa

from mailcensus.dataset.imports.goscanner import read_goscanner
from mailcensus.dataset.imports.import_run import (
    earlier_run_id,
    file_sha256,
    has_ended,
    import_row,
    import_run_id,
)
from mailcensus.dataset.imports.masscan import read_masscan
from mailcensus.dataset.imports.pieces import (
    BATCH_GRABS,
    READERS,
    Batch,
    Telling,
    batch_of,
    pieces_of,
    read_pieces,
    spans_of,
)
from mailcensus.dataset.imports.port_scan_xml import read_port_scan_xml
from mailcensus.dataset.imports.rejects import Rejects
from mailcensus.dataset.imports.rows import Open, PassedOver, Reject, Row, open_bytes
from mailcensus.dataset.imports.zmap import read_zmap
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.recorder import FLUSH_DER_BYTES
from mailcensus.dataset.seen import hits_of, values_of
from mailcensus.dataset.shown import Shown
from mailcensus.model import Grab, Hit, Observation, Run
from mailcensus.study import Study, StudyError

FORMATS = ("zmap", "masscan", "nmap", "zgrab2", "censys", "goscanner", "farrell")

_ROWS_A_PART = 50_000
_GRABS_A_PART = 100_000
_GRAB_BYTES_A_PART = 64 << 20
"""Arrow bytes that wait for a part. Parts of this size are not merged any further: that would write all rows twice."""
_PROGRESS_ROWS = 2_000
_FOR_SEVERAL_BYTES = 32 << 20
"""A smaller file is read before other processes would have begun."""
_MOST_WORKERS = 8
"""More would wait for the one that writes."""
_READ_BYTES = 1 << 20


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    run_id: str
    rejects: Path
    """Where bad rows are kept; there is no such file where there are none."""
    already: bool = False
    """The same file had been imported before; nothing was done."""
    rows: int = 0
    hits: int = 0
    grabs: int = 0
    ok: int = 0
    passed_over: int = 0
    """Sound, and nothing that a study records: a closed port, a port that is not asked, another protocol."""
    rejected: int = 0


def import_file(
    study: Study,
    format_name: str,
    path: Path,
    on_progress: Callable[[Imported, float], None] = lambda *_: None,
    *,
    workers: int | None = None,
) -> Imported:
    """Read a file of another tool into a study.

    Args:
        format_name: one of FORMATS.
        on_progress: told the counts so far and the share of the file's bytes that is read.
        workers: processes that read grabs; None: one for each processor where the file is big.

    Raises:
        StudyError: the file cannot be read, or has no row that can be; another process writes to the study.
        StageFailed: what was read cannot be written.
    """
    digest = file_sha256(path)
    lock = WriterLock(study.data)
    try:
        began = datetime.now(UTC)
        run_id = earlier_run_id(study.data, digest, ("hits", "grabs")) or import_run_id(began, digest)
        imported = Imported(run_id, study.data / "rejects" / f"{path.name}.jsonl")
        if has_ended(study.data, run_id):
            imported.already = True
            return imported
        with _Intake(study, format_name, path, imported, workers) as intake:
            intake.take_all(on_progress)
        if imported.rows and imported.rejected == imported.rows:
            raise StudyError(
                f"{path}: none of its {imported.rows:,} rows is one of {format_name}'s "
                f"({imported.rejects} says why); say what it is with --from"
            )
        row = import_row(study, run_id, began, imported.rows, imported.hits + imported.ok)
        PartWriter(study.data, "runs", Run).write([row])
        return imported
    finally:
        lock.release()


class _Intake:
    """Takes the rows of one file. Use as a context manager: what waits is written at its end, whatever ends it."""

    def __init__(
        self, study: Study, format_name: str, path: Path, imported: Imported, workers: int | None
    ) -> None:
        self._study = study
        self._format = format_name
        self._path = path
        self._imported = imported
        self._ports = frozenset(study.settings.discovery.ports)
        self._hit_parts = PartWriter(study.data, "hits", Hit)
        self._seen = {(ip, port) for ip, port, *_ in hits_of(study.data, imported.run_id)}
        self._waiting: list[Hit] = []
        self._shown = Shown(study.data)
        self._grab_parts = PartWriter(study.data, "grabs", Grab)
        self._grabs: list[pa.Table] = []
        self._grab_rows = self._grab_bytes = 0
        self._has_full_parts = False
        self._workers = workers
        self._grabs_on_disk = sum(1 for _ in values_of(study.data / "grabs", "ip", imported.run_id))
        self._rejects = Rejects(imported.rejects)

    def __enter__(self) -> _Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._rejects.__exit__(kind, error, where)
        self._write_hits()
        self._write_grabs()
        if kind is None:
            for parts in (self._hit_parts, *self._shown.parts):
                parts.compact()
            if not self._has_full_parts:
                self._grab_parts.compact()

    def take_all(self, on_progress: Callable[[Imported, float], None]) -> None:
        """Read the file to its end."""
        now = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        size = max(1, self._path.stat().st_size)
        try:
            with self._path.open("rb") as raw, open_bytes(raw) as stream:
                if self._format in (*READERS, "goscanner"):
                    for batch in self._batches(raw, stream, now):
                        self._take_batch(batch)
                        on_progress(self._imported, min(1.0, raw.tell() / size))
                else:
                    for row in self._rows(stream):
                        self._take(row, now)
                        if self._imported.rows % _PROGRESS_ROWS == 0:
                            on_progress(self._imported, min(1.0, raw.tell() / size))
        except (OSError, EOFError) as error:
            raise StudyError(f"{self._path}: cannot be read on from here: {error}") from None
        on_progress(self._imported, 1.0)

    def _batches(self, raw: IO[bytes], stream: IO[bytes], now: datetime) -> Iterator[Batch]:
        run_id, vantage = self._imported.run_id, self._study.settings.study.vantage
        if self._format in READERS:
            pieces = spans_of(raw, self._path) if stream is raw else pieces_of(stream)
            is_big = os.fstat(raw.fileno()).st_size >= _FOR_SEVERAL_BYTES
            several = min(_MOST_WORKERS, os.cpu_count() or 1) if is_big else 1
            telling = Telling(run_id, vantage, now)
            yield from read_pieces(self._format, pieces, telling, self._workers or several)
            return
        rows = read_goscanner(stream, self._path, run_id, vantage, now)
        while (batch := batch_of(islice(rows, BATCH_GRABS))).rows:
            yield batch

    def _rows(self, stream: IO[bytes]) -> Iterator[Row]:
        match self._format:
            case "zmap":
                return read_zmap(stream)
            case "masscan":
                return read_masscan(stream)
            case "nmap":
                return read_port_scan_xml(stream)
        raise StudyError(f"--from {self._format}: no such format; there are {', '.join(FORMATS)}")

    def _take(self, row: Row, now: datetime) -> None:
        imported = self._imported
        imported.rows += 1
        match row:
            case Open():
                self._take_hit(row, now)
            case PassedOver() | Observation():
                imported.passed_over += 1
            case Reject():
                self._keep_aside(row)

    def _take_batch(self, batch: Batch) -> None:
        imported = self._imported
        before, count = imported.grabs, int(batch.grabs.num_rows)
        imported.rows += batch.rows
        imported.grabs += count
        imported.ok += batch.ok
        imported.passed_over += batch.passed_over
        for reject in batch.rejects:
            self._keep_aside(reject)
        new = batch.grabs.slice(min(count, max(0, self._grabs_on_disk - before)))
        if new.num_rows:
            self._shown.add(batch.certificates, batch.keys)
            self._grabs.append(new)
        self._grab_rows += new.num_rows
        self._grab_bytes += new.nbytes
        if self._grab_rows >= _GRABS_A_PART or self._grab_bytes >= _GRAB_BYTES_A_PART:
            self._has_full_parts = True
            self._write_grabs()
        elif self._shown.der_bytes >= FLUSH_DER_BYTES:
            self._shown.flush()

    def _write_grabs(self) -> None:
        """Certificates and keys first: what grabs name is there."""
        waiting, self._grabs = self._grabs, []
        self._grab_rows = self._grab_bytes = 0
        self._shown.flush()
        if waiting:
            self._grab_parts.write_table(pa.concat_tables(waiting))

    def _take_hit(self, found: Open, now: datetime) -> None:
        port = found.port or self._study.settings.discovery.ports[0]
        if port not in self._ports:
            self._imported.passed_over += 1
            return
        self._imported.hits += 1
        if (found.ip, port) in self._seen:
            return
        self._seen.add((found.ip, port))
        self._waiting.append(
            Hit(
                run_id=self._imported.run_id,
                seen_at=found.seen_at or now,
                ip=found.ip,
                port=port,
                engine=self._format,
            )
        )
        if len(self._waiting) >= _ROWS_A_PART:
            self._write_hits()

    def _write_hits(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._hit_parts.write(waiting)

    def _keep_aside(self, row: Reject) -> None:
        self._rejects.add(row)
        self._imported.rejected = self._rejects.count
