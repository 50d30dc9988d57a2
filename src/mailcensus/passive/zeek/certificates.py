"""What x509.log and the known_ logs tell beside connections."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from mailcensus.model import KnownServer, LoggedCertificate, schema_of
from mailcensus.passive.zeek.columns import as_record
from mailcensus.population.address import format_address, parse_address

_BATCH = 20_000
_SHA256 = "[0-9a-f]{64}"
_LOGGED = f"""SELECT $run_id AS run_id, fingerprint AS sha256, min(ts) AS seen_at,
    any_value("certificate.subject") AS subject, any_value("certificate.issuer") AS issuer,
    any_value("certificate.serial") AS serial,
    any_value(CASE WHEN "san.dns" IS NOT NULL OR "san.ip" IS NOT NULL
        THEN list_concat(coalesce("san.dns", []), coalesce("san.ip", [])) END) AS sans,
    any_value("certificate.not_valid_before") AS not_before, any_value("certificate.not_valid_after") AS not_after,
    any_value("certificate.sig_alg") AS signature_algorithm, any_value("certificate.key_type") AS key_type,
    any_value(CASE WHEN "certificate.key_length" < 4294967296 THEN "certificate.key_length" END) AS key_bits,
    any_value("certificate.curve") AS curve, any_value("basic_constraints.ca") AS ca
    FROM x509 WHERE regexp_full_match(fingerprint, '{_SHA256}') GROUP BY fingerprint"""
_KNOWN = """SELECT $run_id AS run_id, name AS source, ts AS seen_at, ip, port, protocols, subject, issuer, serial FROM (
    SELECT source, ts, host AS ip, port_num AS port, list_transform(service, lambda one: upper(one)) AS protocols,
        NULL AS subject, NULL AS issuer, NULL AS serial FROM known_services
    UNION ALL SELECT source, ts, host, port_num, NULL, subject, issuer_subject, serial FROM known_certs)
    JOIN sources ON sources.number = source"""


def logged_certificates(connection: Any, run_id: str) -> Iterator[pa.Table]:
    """Certificates by their fingerprints, each once. Zeek 3 has SHA-1 or none: such certificates have no name here."""
    return _tables(connection, _LOGGED, run_id, LoggedCertificate)


def known_servers(connection: Any, run_id: str) -> Iterator[pa.Table]:
    """Servers of known_services.log and known_certs.log, with addresses as every table writes them."""
    for table in _tables(connection, _KNOWN, run_id, KnownServer):
        addresses = [_written(text) for text in table["ip"].to_pylist()]
        known = pa.array([address is not None for address in addresses])
        field = schema_of(KnownServer).field("ip")
        there = table.filter(known)
        texts = pa.array([address for address in addresses if address is not None], pa.string())
        yield there.set_column(there.schema.get_field_index("ip"), field, texts)


def whole_certificates(connection: Any) -> Iterator[bytes]:
    """DER of certificates, where x509.log has them (policy/protocols/ssl/log-certs-base64) and their fingerprint
    says that they are whole."""
    found = connection.sql(
        "SELECT fingerprint, any_value(cert) AS cert FROM x509 WHERE cert IS NOT NULL GROUP BY fingerprint"
    ).to_arrow_reader(_BATCH)
    for batch in found:
        for row in batch.to_pylist():
            der = _decoded(row["cert"])
            if der is not None and hashlib.sha256(der).hexdigest() == row["fingerprint"]:
                yield der


def _tables(connection: Any, sql: str, run_id: str, record: type) -> Iterator[pa.Table]:
    for batch in connection.sql(sql, params={"run_id": run_id}).to_arrow_reader(_BATCH):
        yield as_record(batch, record)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _written(text: str) -> str | None:
    try:
        return format_address(*parse_address(text))
    except ValueError:
        return None
