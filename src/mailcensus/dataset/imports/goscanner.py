"""goscanner's `hosts.csv`, with the `certs.csv` beside it, as grabs.

`hosts.csv` has a row for each TLS handshake: ip, port, server_name, synStart (seconds), protocol (the version as a
number), cipher (hex), resultString, error_data, cert_hash, peer_certificates (ids in `certs.csv`, as JSON),
tls_alerts_received (JSON). Columns are found by name. `certs.csv` has id and cert (PEM), each certificate once.

goscanner begins TLS at once: a row is a service of ours with implicit TLS, by its port; another port is HTTPS on that
port; ports of services with STARTTLS, and SSH's, are passed over. A handshake that ended in SUCCESS was finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO

from mailcensus.dataset.imports.goscanner_certificates import Certificates
from mailcensus.dataset.imports.rows import (
    PassedOver,
    Reject,
    Row,
    is_address,
    json_of,
    port_of,
    row_of_csv,
    texts_of,
    time_of,
    values_of_csv,
)
from mailcensus.model import Grab, Observation, Outcome, Stage, Tls, TlsMode
from mailcensus.study import StudyError
from mailcensus.wire.certificates import certificate_spki
from mailcensus.wire.services import SERVICE_BY_NAME, SERVICES, Service
from mailcensus.wire.tls.cipher_suites import CIPHER_SUITES
from mailcensus.wire.tls.codes import VERSIONS, alert_name

_NEEDED = ("ip", "port", "server_name", "synStart", "protocol", "cipher", "resultString")
_OUTCOMES = {
    "SUCCESS": Outcome.OK,
    "TIMEOUT": Outcome.TIMEOUT,
    "CONNECTION REFUSED": Outcome.REFUSED,
    "NO ROUTE": Outcome.REFUSED,
    "NETWORK UNREACHABLE": Outcome.REFUSED,
    "CONNECTION RESET BY PEER": Outcome.RESET,
    "UNKNOWN PROTOCOL": Outcome.TLS_ERROR,
    "OVERSIZED RECORD": Outcome.TLS_ERROR,
    "SSL HANDSHAKE FAILURE": Outcome.TLS_ERROR,
    "OTHER FAILURE": Outcome.PROTOCOL_ERROR,
}
_MOST_CERTIFICATES = 32
_MOST_CHARACTERS = 8_192
_IMPLICIT = {one.port: one for one in SERVICES if one.tls_mode is TlsMode.IMPLICIT}
_OTHERS = {one.port for one in SERVICES} - set(_IMPLICIT)


def read_goscanner(stream: IO[bytes], hosts: Path, run_id: str, vantage: str, now: datetime) -> Iterator[Row]:
    """The grabs of `hosts.csv`.

    Args:
        stream: what it says.
        hosts: where it is: its certificates are beside it, `certs.csv`. Without these, grabs have none.
        run_id, vantage, now: as `read_zgrab2`.
    Raises:
        StudyError: it lacks a column.
    """
    certificates = Certificates(hosts.with_name("certs.csv"))
    header: list[str] | None = None
    with certificates:
        for found in texts_of(stream):
            if header is None:
                header = _header(hosts, [] if isinstance(found, Reject) else values_of_csv(found[1]))
            elif isinstance(found, Reject):
                yield found
            else:
                row = row_of_csv(*found, header)
                if isinstance(row, Reject):
                    yield row
                else:
                    yield _row(*found, row, certificates, run_id, vantage, now)


def _header(hosts: Path, values: list[str]) -> list[str]:
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise StudyError(f"{hosts}: line 1: no column {missing[0]}; give goscanner's hosts.csv")
    return values


def _row(
    number: int,
    text: str,
    row: Mapping[str, str],
    certificates: Certificates,
    run_id: str,
    vantage: str,
    now: datetime,
) -> Row:
    port, outcome = port_of(row["port"]), _OUTCOMES.get(row["resultString"])
    if not is_address(row["ip"]) or port is None or outcome is None:
        return Reject(number, "not an address, a port and a result that goscanner has", text)
    if port in _OTHERS:
        return PassedOver()
    alerts = _whole_numbers(row.get("tls_alerts_received", ""))
    sent = [certificates.get(each) for each in _whole_numbers(row.get("peer_certificates", ""))]
    chain = tuple(der for der in sent[:_MOST_CERTIFICATES] if der is not None)
    if outcome is Outcome.TLS_ERROR and alerts:
        outcome = Outcome.TLS_ALERT
    tls = _tls(row, chain, alerts, finished=outcome is Outcome.OK)
    service = _service(port)
    grab = Grab(
        run_id=run_id,
        vantage=vantage,
        started_at=time_of(row["synStart"]) or now,
        duration_ms=0.0,
        ip=row["ip"],
        port=port,
        service=service.name,
        protocol=service.protocol,
        tls_mode=service.tls_mode,
        outcome=outcome,
        stage=_stage(outcome, row, tls),
        error=_error(row.get("error_data", "")),
        tls=tls,
    )
    return Observation(grab, chain)


def _service(port: int) -> Service:
    return _IMPLICIT.get(port, SERVICE_BY_NAME["https"])


def _stage(outcome: Outcome, row: Mapping[str, str], tls: Tls | None) -> Stage:
    """TCP's failures have no end of a scan."""
    connecting = outcome in (Outcome.TIMEOUT, Outcome.REFUSED, Outcome.RESET) and not row.get("scanEnd")
    return Stage.CONNECT if connecting and tls is None else Stage.TLS


def _tls(
    row: Mapping[str, str], chain: tuple[bytes, ...], alerts: list[int], *, finished: bool
) -> Tls | None:
    version = int(row["protocol"]) if row["protocol"].isascii() and row["protocol"].isdigit() else 0
    if not 0 < version <= 0xFFFF and not alerts and not chain:
        return None
    suite = _hex(row["cipher"]) if 0 < version <= 0xFFFF else None
    hashes = tuple(hashlib.sha256(der).hexdigest() for der in chain)
    spki = certificate_spki(chain[0]) if chain else None
    return Tls(
        sni=row["server_name"] or None,
        version=version if 0 < version <= 0xFFFF else None,
        version_name=VERSIONS.get(version),
        cipher_suite=suite,
        cipher_suite_name=None if suite is None else CIPHER_SUITES.get(suite),
        alert=alert_name(alerts[0]) if alerts and not finished else None,
        chain=hashes or None,
        leaf_sha256=hashes[0] if hashes else None,
        spki_sha256=None if spki is None else hashlib.sha256(spki).hexdigest(),
        finished=finished,
        unfinished_reason=None if finished else row["resultString"],
    )


def _hex(text: str) -> int | None:
    try:
        value = int(text[:8], 16)
    except ValueError:
        return None
    return value if 0 < value <= 0xFFFF else None


def _whole_numbers(text: str) -> list[int]:
    try:
        told = json_of(text or "[]")
    except (ValueError, RecursionError):
        return []
    return [one for one in told if isinstance(one, int)] if isinstance(told, list) else []


def _error(text: str) -> str | None:
    try:
        told = json_of(text or "[]")
    except (ValueError, RecursionError):
        return text[:_MOST_CHARACTERS]
    words = [one for one in told if isinstance(one, str)] if isinstance(told, list) else []
    return "; ".join(words)[:_MOST_CHARACTERS] or None
