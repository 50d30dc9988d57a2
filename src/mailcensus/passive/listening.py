"""Listening as a whole: files, streams or an interface in, rows of `flows` out.

Everything that one command hears is one run, which `flow_sources` tells of; the study's own runs, of asking, are not
touched. The run's id ends in a digest of its files: the same files again change nothing. A kill on the way leaves
`data/passive.json`; the next command, whatever it hears, removes what was written since.

Memory: two blocks of a capture, the connections under way (see `captures.connections`), and what waits for the next
part. Certificates are written before the flows that name them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from mailcensus.dataset.files import replace_file
from mailcensus.dataset.lock import WriterLock
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.recorder import Recorder
from mailcensus.dataset.seen import values_of
from mailcensus.model import Count, Flow, FlowReader, FlowSource
from mailcensus.passive.captures.connections import Connection
from mailcensus.passive.captures.opening import Arriving, decompressed, is_capture, open_capture
from mailcensus.passive.captures.reading import CaptureRead, Captures
from mailcensus.passive.captures.records import flow_of, time_of
from mailcensus.passive.clients import ClientPolicy, Clients, open_clients
from mailcensus.passive.zeek.addresses import ClientNames
from mailcensus.passive.zeek.beside import write_beside
from mailcensus.passive.zeek.reading import FileRead, ZeekLogs
from mailcensus.passive.zeek.sniffing import ZeekFile, zeek_file
from mailcensus.passive.zeek.store import Store
from mailcensus.study import Study, StudyError
from mailcensus.wire.services import SERVICES, Service

_DIGITS = 16
_DIGESTED_BYTES = 1 << 20
_FLOWS_A_PART = 5_000
_WRITE_S = 30.0
"""What was heard waits no longer in memory."""


@dataclass(slots=True)
class Heard:
    """What came of listening."""

    run_id: str
    already: bool = False
    """The same files had been heard before; nothing was done."""
    packets: int = 0
    rows: int = 0
    """Rows of logs."""
    flows: int = 0
    sources: list[FlowSource] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    """Files of a directory that are neither captures nor logs."""


Progress = Callable[[Heard], None]


def hear_files(
    study: Study,
    paths: Sequence[Path],
    clients: ClientPolicy,
    *,
    any_port: bool = False,
    on_progress: Progress = lambda _: None,
) -> Heard:
    """Read captures and logs: files, and directories of them with all that is below.

    Raises:
        StudyError: a path cannot be read, or is neither a capture nor a log; another process writes to the study.
        StageFailed: what was heard cannot be written.
    """
    captures, logs, passed_over = _sorted_out(paths)
    run = _Run(study, clients, _suffix(captures, logs, clients, any_port=any_port), on_progress)
    run.heard.passed_over = passed_over
    with run:
        if not run.heard.already:
            names = _names([*captures, *(log.path for log in logs)])
            run.captures([(path, names[path]) for path in captures], any_port=any_port)
            run.logs([(log, names[log.path]) for log in logs])
    return run.heard


def hear_stream(
    study: Study,
    stream: Arriving,
    name: str,
    clients: ClientPolicy,
    *,
    any_port: bool = False,
    on_progress: Progress = lambda _: None,
    dropped: Callable[[], Counter[str]] = Counter,
) -> Heard:
    """Read one capture as it comes, until it ends or is told to stop.

    Args:
        name: what `flows` calls it, an interface for instance.
        dropped: asked at the end for what the capturing program lost.
    """
    run = _Run(study, clients, f"-passive-{secrets.token_hex(_DIGITS // 2)}", on_progress)
    with run:
        run.stream(stream, name, any_port=any_port, dropped=dropped)
    return run.heard


class _Run:
    """One run of listening. A context manager: the dataset is locked within, and whole behind it."""

    def __init__(self, study: Study, policy: ClientPolicy, suffix: str, on_progress: Progress) -> None:
        self._study = study
        self._on_progress = on_progress
        self._lock = WriterLock(study.data)
        self._began = datetime.now(UTC)
        self._policy = policy
        try:
            self._marker = study.data / "passive.json"
            self._flow_parts = PartWriter(study.data, "flows", Flow)
            self._source_parts = PartWriter(study.data, "flow_sources", FlowSource)
            self._remove_unfinished()
            known = next((run for run in self._runs() if run.endswith(suffix)), None)
            self.heard = Heard(
                known or f"{self._began:%Y-%m-%dT%H-%M-%SZ}{suffix}", already=known is not None
            )
            self._clients: Clients = open_clients(policy, study.directory)
        except BaseException:
            self._lock.release()
            raise
        self._recorder: Recorder | None = None
        self._waiting: list[Flow] = []
        self._flows_of: Counter[str] = Counter()
        self._services = services_by_port(study)
        self._written_at = time.monotonic()

    def __enter__(self) -> _Run:
        if not self.heard.already:
            first = self._flow_parts.next_number
            replace_file(
                self._marker, json.dumps({"run_id": self.heard.run_id, "first_part": first}).encode() + b"\n"
            )
            self._recorder = Recorder(self._study.data)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._recorder is not None:
                if kind is None:
                    self._finish(self._recorder)
                else:
                    self._recorder.close()
        finally:
            self._lock.release()

    def captures(self, captures: Iterable[tuple[Path, str]], *, any_port: bool) -> None:
        """Read captures, in order, as one."""
        reader = Captures(self._services, self._ended, any_port=any_port)
        reads = []
        for path, name in captures:
            try:
                with open_capture(path) as stream:
                    reads.append(self._one(reader, stream, name))
            except OSError as error:
                raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from None
        if reads:
            reads[-1].counts.update(reader.end())
            self.heard.sources += [self._source_of_capture(read) for read in reads]

    def stream(
        self, stream: Arriving, name: str, *, any_port: bool, dropped: Callable[[], Counter[str]]
    ) -> None:
        """Read a stream until it ends."""
        reader = Captures(self._services, self._ended, any_port=any_port)
        read = self._one(reader, decompressed(stream), name)
        read.counts.update(reader.end())
        read.counts.update(dropped())
        self.heard.sources.append(self._source_of_capture(read))

    def logs(self, logs: Sequence[tuple[ZeekFile, str]]) -> None:
        """Read Zeek's logs as one set."""
        if not logs:
            return
        with Store(self._study.data, self._services) as store:
            zeek = ZeekLogs(store, self._study.data / "rejects", lambda _: self._on_progress(self.heard))
            for log, name in logs:
                zeek.take(log, name)
            naming = None if self._clients.policy is ClientPolicy.DROP else self._clients.name
            for table in zeek.flows(self.heard.run_id, ClientNames(naming, self._clients.keeps_ports)):
                self._flow_parts.write_table(table)
                self.heard.flows += len(table)
                self._on_progress(self.heard)
            write_beside(store.connection, self._study.data, self.heard.run_id)
            self.heard.rows += sum(read.rows for read in zeek.read.files)
            self.heard.sources += [self._source_of_log(read) for read in zeek.read.files]

    def _one(self, reader: Captures, stream: BinaryIO, name: str) -> CaptureRead:
        before = self.heard.packets

        def progress(state: CaptureRead) -> None:
            self.heard.packets = before + state.packets
            if self.heard.flows and time.monotonic() - self._written_at > _WRITE_S:
                self._write()
            self._on_progress(self.heard)

        return reader.read(stream, name, progress)

    def _ended(self, connection: Connection, cut: str | None) -> None:
        service = self._services.get(connection.server[1])
        flow, certificates, keys = flow_of(connection, cut, self.heard.run_id, self._clients, service)
        assert self._recorder is not None
        self._recorder.add_shown(certificates, keys)
        self._waiting.append(flow)
        self._flows_of[flow.source] += 1
        self.heard.flows += 1
        if len(self._waiting) >= _FLOWS_A_PART:
            self._write()

    def _write(self) -> None:
        if self._recorder is not None:
            self._recorder.flush()
        waiting, self._waiting = self._waiting, []
        self._flow_parts.write(waiting)
        self._written_at = time.monotonic()

    def _finish(self, recorder: Recorder) -> None:
        self._write()
        recorder.close()
        self._source_parts.write(self.heard.sources)
        self._marker.unlink(missing_ok=True)
        recorder.compact()
        self._flow_parts.compact()

    def _runs(self) -> set[str]:
        return set(values_of(self._study.data / "flow_sources", "run_id"))

    def _remove_unfinished(self) -> None:
        """What a run wrote that was killed before its end."""
        try:
            left = json.loads(self._marker.read_text())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise StudyError(
                f"{self._marker}: cannot be read: {error}; see what it says, and remove it"
            ) from None
        if left["run_id"] not in self._runs():
            self._flow_parts.remove_from(int(left["first_part"]))
        self._marker.unlink()

    def _source_of_capture(self, read: CaptureRead) -> FlowSource:
        return FlowSource(
            run_id=self.heard.run_id,
            reader=FlowReader.CAPTURE,
            source=read.source,
            kind=read.kind,
            read_at=self._began,
            first_at=None if read.first_ns is None else time_of(read.first_ns),
            last_at=None if read.last_ns is None else time_of(read.last_ns),
            records=read.packets,
            bytes=read.bytes,
            flows=self._flows_of[read.source],
            clients=str(self._policy),
            counts=tuple(
                Count(name=name, count=count) for name, count in sorted(read.counts.items()) if count
            ),
            error=read.error,
        )

    def _source_of_log(self, read: FileRead) -> FlowSource:
        counts = {"passed_over": read.passed_over, "bad_rows": read.bad}
        counts |= {"repeated_in_set": read.repeated_in_set, "no_address_in_set": read.no_address_in_set}
        return FlowSource(
            run_id=self.heard.run_id,
            reader=FlowReader.ZEEK,
            source=read.source,
            kind=read.kind,
            read_at=self._began,
            first_at=read.first_at,
            last_at=read.last_at,
            records=read.rows,
            bytes=read.bytes,
            flows=read.flows,
            clients=str(self._policy),
            counts=tuple(Count(name=name, count=count) for name, count in counts.items() if count),
            error=read.error,
        )


def services_by_port(study: Study) -> dict[int, Service]:
    """Services by the study's own ports, or the standard ones."""
    return {study.settings.ports.get(service.name, service.port): service for service in SERVICES}


def _sorted_out(paths: Sequence[Path]) -> tuple[list[Path], list[ZeekFile], list[Path]]:
    """Captures, logs, and files of directories that are neither."""
    captures: list[Path] = []
    logs: list[ZeekFile] = []
    passed_over: list[Path] = []
    for given in paths:
        if not given.exists():
            raise StudyError(f"{given}: there is no such file or directory")
        files = sorted(path for path in given.rglob("*") if path.is_file()) if given.is_dir() else [given]
        for path in files:
            if is_capture(path):
                captures.append(path)
            elif (log := zeek_file(path)) is not None:
                logs.append(log)
            elif given.is_dir():
                passed_over.append(path)
            else:
                raise StudyError(
                    f"{path}: neither a capture (pcap, pcapng) nor a log of Zeek's that is read here"
                )
    if not captures and not logs:
        raise StudyError(
            f"{', '.join(map(str, paths))}: no capture (pcap, pcapng) and no log of Zeek's in there"
        )
    return captures, logs, passed_over


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """What `flows` calls files: their names, with their folders' where two have the same."""
    often = Counter(path.name for path in paths)
    return {path: path.name if often[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in paths}


def _suffix(
    captures: Sequence[Path], logs: Sequence[ZeekFile], clients: ClientPolicy, *, any_port: bool
) -> str:
    """Names what is to be heard: sizes, first and last bytes of all files, and how."""
    digest = hashlib.sha256(f"{clients} {any_port}".encode())
    for path in (*captures, *(log.path for log in logs)):
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                digest.update(f"{size} {path.name}".encode() + file.read(_DIGESTED_BYTES))
                file.seek(max(0, size - _DIGESTED_BYTES))
                digest.update(file.read(_DIGESTED_BYTES))
        except OSError as error:
            raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from None
    return f"-passive-{digest.hexdigest()[:_DIGITS]}"
