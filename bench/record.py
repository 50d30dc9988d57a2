"""CPU per grab from record to Parquet: our columns beside `pa.Table.from_pylist` of dicts, in the same run.

python -m bench.record
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.dataset.columns import table_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Grab, Outcome, Stage, Tls, TlsMode, schema_of

ROWS = 2_000
ROUNDS = 9
TARGET_US = 25.0

CAPABILITIES = (
    "PIPELINING", "SIZE 10240000", "VRFY", "ETRN", "STARTTLS", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN",
    "SMTPUTF8", "CHUNKING",
)  # fmt: skip


def _hash(what: str, number: int) -> str:
    return hashlib.sha256(f"{what}{number}".encode()).hexdigest()


def _grab(number: int) -> Grab:
    """A full SMTP STARTTLS grab; no two rows share a string object that a server would have sent."""
    tls = Tls(
        version=0x0304, version_name="TLSv1.3", cipher_suite=0x1302, cipher_suite_name="TLS_AES_256_GCM_SHA384",
        group=29, group_name="x25519", signature_scheme=0x0804, signature_scheme_name="rsa_pss_rsae_sha256",
        extensions=(43, 51, 0, 16), session_ticket=True, hello_retry=False, client_cert_requested=False,
        ocsp_stapled=False, sct_count=0, ja3s=_hash("ja3s", number % 50)[:32], ja4s="t130200_1302_a56c5b993250",
        chain=(_hash("leaf", number), _hash("issuer", number % 20)), leaf_sha256=_hash("leaf", number),
        spki_sha256=_hash("key", number), finished=True,
    )  # fmt: skip
    return Grab(
        run_id="2026-11-22T01-02-03Z-9f3c", vantage="bench", started_at=datetime(2026, 11, 22, 0, 0, 0, number, UTC),
        duration_ms=123.0 + number, ip=f"127.{number >> 8}.{number & 255}.1", port=25, service="smtp",
        protocol="smtp", tls_mode=TlsMode.STARTTLS, outcome=Outcome.OK, stage=Stage.DONE,
        greeting=f"220 mx{number}.example.org ESMTP Postfix (Debian/GNU)", software="Postfix", os="Debian",
        capabilities_before=tuple(text[:1] + text[1:] for text in CAPABILITIES), auth_before=(),
        starttls_offered=True, starttls_accepted=True,
        capabilities_after=tuple(text[:1] + text[1:] for text in (*CAPABILITIES, "AUTH PLAIN LOGIN")),
        auth_after=("PLAIN", "LOGIN"), tls=tls, bytes_in=4_000 + number, bytes_out=900,
    )  # fmt: skip


def _us_per_row(work: Callable[[], object]) -> float:
    """Smallest CPU time of several rounds, all threads included, in us per row."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best / ROWS * 1e6


def main() -> None:
    """Measure and print."""
    rows = [_grab(number) for number in range(ROWS)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "beside.parquet"
        writer = PartWriter(Path(directory), "grabs", Grab)
        columns = _us_per_row(lambda: table_of(Grab, rows))
        ours = _us_per_row(lambda: writer.write(rows))

        def by_dicts() -> pa.Table:
            return pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=schema_of(Grab))

        dicts = _us_per_row(by_dicts)
        theirs = _us_per_row(lambda: pq.write_table(by_dicts(), path, compression="zstd"))
    print(f"full TLS grabs, {ROWS} a part, CPU us per row, best of {ROUNDS}")
    print(f"  record to Arrow            ours {columns:6.1f}   from_pylist of dicts {dicts:6.1f}")
    print(f"  record to durable Parquet  ours {ours:6.1f}   from_pylist of dicts {theirs:6.1f}")
    print(
        f"  ratio {ours / theirs:.2f}; target at most {TARGET_US:.0f} us: {'met' if ours <= TARGET_US else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
