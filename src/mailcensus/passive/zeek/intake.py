"""A set of Zeek's logs becomes rows of a study: flows, what was read, certificates, known servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import (
    Certificate,
    Count,
    Flow,
    FlowReader,
    FlowSource,
    Key,
    KnownServer,
    LoggedCertificate,
)
from mailcensus.passive.zeek.addresses import ClientNames
from mailcensus.passive.zeek.certificates import known_servers, logged_certificates, whole_certificates
from mailcensus.passive.zeek.log_kinds import LOGS
from mailcensus.passive.zeek.reading import FileRead, SetRead, ZeekLogs
from mailcensus.passive.zeek.sniffing import ZeekFile
from mailcensus.passive.zeek.store import Store
from mailcensus.wire.certificates import certificate_spki, parse_certificate
from mailcensus.wire.keys import describe_key

_CERTIFICATES_A_PART = 2_000


def take_zeek_logs(
    data: Path,
    run_id: str,
    files: Sequence[ZeekFile],
    clients: ClientNames,
    clients_word: str,
    on_progress: Callable[[SetRead], None] = lambda _: None,
) -> SetRead:
    """Read logs that belong together (of the same sensors and days) and write what they tell.

    The caller holds the dataset's writer lock. Rows of one connection are brought together over all files, so a set
    is read as a whole.

    Args:
        data: the dataset.
        clients_word: what becomes of clients, for `flow_sources`: drop, hash, keep.

    Raises:
        StageFailed: something cannot be written.
    """
    read_at = datetime.now(UTC)
    with Store(data) as store:
        logs = ZeekLogs(store, data / "rejects", on_progress)
        for file, source in zip(files, _names(files), strict=True):
            logs.take(file, source)
        parts = PartWriter(data, "flows", Flow)
        for table in logs.flows(run_id, clients):
            parts.write_table(table)
        parts.compact()
        _write_beside(store.connection, data, run_id)
        _tell_times(store.connection, logs.read)
    rows = [_source_row(run_id, clients_word, read_at, file, logs.read) for file in logs.read.files]
    PartWriter(data, "flow_sources", FlowSource).write(rows)
    return logs.read


def _names(files: Sequence[ZeekFile]) -> list[str]:
    """Names of files, with as many folders before them as tell them apart."""
    depth = 1
    while True:
        names = ["/".join(file.path.parts[-depth:]) for file in files]
        if len(set(names)) == len(names) or depth >= max(len(file.path.parts) for file in files):
            return names
        depth += 1


def _write_beside(connection: Any, data: Path, run_id: str) -> None:
    certificates = PartWriter(data, "logged_certificates", LoggedCertificate)
    for table in logged_certificates(connection, run_id):
        certificates.write_table(table)
    servers = PartWriter(data, "known_servers", KnownServer)
    for table in known_servers(connection, run_id):
        servers.write_table(table)
    _write_whole(data, whole_certificates(connection))


def _write_whole(data: Path, ders: Iterator[bytes]) -> None:
    """Certificates whose bytes a log has, and their keys, each once per dataset; keys first."""
    seen_certificates = set(values_of(data / "certificates", "sha256"))
    seen_keys = set(values_of(data / "keys", "spki_sha256"))
    certificates: list[Certificate] = []
    keys: list[Key] = []
    for der in ders:
        certificate = parse_certificate(der)
        if certificate.sha256 in seen_certificates:
            continue
        seen_certificates.add(certificate.sha256)
        certificates.append(certificate)
        spki = certificate_spki(der)
        key = None if spki is None else describe_key(spki)
        if key is not None and key.spki_sha256 not in seen_keys:
            seen_keys.add(key.spki_sha256)
            keys.append(key)
        if len(certificates) >= _CERTIFICATES_A_PART:
            _flush(data, certificates, keys)
    _flush(data, certificates, keys)


def _flush(data: Path, certificates: list[Certificate], keys: list[Key]) -> None:
    PartWriter(data, "keys", Key).write(keys)
    PartWriter(data, "certificates", Certificate).write(certificates)
    keys.clear()
    certificates.clear()


def _tell_times(connection: Any, read: SetRead) -> None:
    for log in LOGS:
        found = connection.execute(f"SELECT source, min(ts), max(ts) FROM {log} GROUP BY source").fetchall()
        for number, first, last in found:
            file = read.files[number]
            times = [time for time in (file.first_at, file.last_at) if time is not None]
            times += [first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)]
            file.first_at, file.last_at = min(times), max(times)


def _source_row(
    run_id: str, clients_word: str, read_at: datetime, file: FileRead, read: SetRead
) -> FlowSource:
    counts = {"rows passed over": file.passed_over, "bad rows": file.bad}
    if file is read.files[0]:
        counts |= {
            "rows that repeat a connection, whole set": read.repeated,
            "connections without a server's address, whole set": read.no_address,
        }
    return FlowSource(
        run_id=run_id, reader=FlowReader.ZEEK, source=file.source, kind=file.kind, read_at=read_at,
        first_at=file.first_at, last_at=file.last_at, records=file.rows, bytes=file.bytes, flows=file.flows,
        clients=clients_word, error=file.error,
        counts=tuple(Count(name=name, count=count) for name, count in counts.items() if count),
    )  # fmt: skip
