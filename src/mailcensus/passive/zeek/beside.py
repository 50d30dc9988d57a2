"""What Zeek's logs tell beside connections, written to tables of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import Certificate, Key, KnownServer, LoggedCertificate
from mailcensus.passive.zeek.certificates import known_servers, logged_certificates, whole_certificates
from mailcensus.wire.certificates import certificate_spki, parse_certificate
from mailcensus.wire.keys import describe_key

_CERTIFICATES_A_PART = 2_000


def write_beside(connection: Any, data: Path, run_id: str) -> None:
    """Write certificates in a log's words, those whose bytes a log has, and servers that Zeek knows.

    Behind `ZeekLogs.flows`. The caller holds the dataset's writer lock.

    Raises:
        StageFailed: something cannot be written.
    """
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
