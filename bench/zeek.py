"""Rows a second from Zeek's ssl.log to `flows`, text and JSON, with the memory that it takes.

    python -m bench.zeek [ROWS]

Writes a log of so many connections (1,000,000) to 5,000 servers, reads it, and removes it. Processor seconds stand
beside those of the clock: on a busy machine only they say something.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import Flow
from mailcensus.passive.zeek.addresses import ClientNames
from mailcensus.passive.zeek.reading import ZeekLogs
from mailcensus.passive.zeek.sniffing import zeek_file
from mailcensus.passive.zeek.store import Store
from mailcensus.wire.services import SERVICES

FIELDS = (
    *(
        "ts",
        "uid",
        "id.orig_h",
        "id.orig_p",
        "id.resp_h",
        "id.resp_p",
        "version",
        "cipher",
        "curve",
        "server_name",
    ),
    *("resumed", "established", "ssl_history", "cert_chain_fps", "validation_status"),
)


def main(rows: int) -> None:
    """Measure both forms."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("ssl.log", write_text), ("ssl.json", write_json)):
            path = Path(folder) / name
            write(path, rows)
            measure(path, Path(folder) / f"data-{name}")
            path.unlink()


def row(number: int) -> tuple[object, ...]:
    """One connection, as both forms have it."""
    server = number * 7919 % 5_000
    return (
        1_700_000_000 + number / 100, f"C{number:017d}", f"10.{number % 200}.{number % 99}.7", 1024 + number % 60_000,
        f"192.0.{server // 250}.{server % 250}", (25, 143, 587, 993)[number % 4], "TLSv12",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "x25519", f"mx{server}.example", False, True, "CsxknGIi",
        [f"{server:064x}", f"{server % 9:064x}"], "ok",
    )  # fmt: skip


def write_text(path: Path, rows: int) -> None:
    """As Zeek writes by default."""
    with path.open("w") as file:
        file.write(
            "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n"
        )
        file.write("#fields\t" + "\t".join(FIELDS) + "\n")
        for number in range(rows):
            file.write("\t".join(map(_text, row(number))) + "\n")


def write_json(path: Path, rows: int) -> None:
    """As Zeek writes with policy/tuning/json-logs."""
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps(dict(zip(FIELDS, row(number), strict=True)), separators=(",", ":")) + "\n")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return ",".join(value) if isinstance(value, list) else str(value)


def measure(path: Path, data: Path) -> None:
    """Read a log into flows, clients dropped, and say how quick that was."""
    log = zeek_file(path)
    assert log is not None
    clock, processor = time.perf_counter(), time.process_time()
    with Store(data, {service.port: service for service in SERVICES}) as store:
        logs = ZeekLogs(store, data / "rejects", lambda _: None)
        logs.take(log, path.name)
        writer = PartWriter(data, "flows", Flow)
        for table in logs.flows("bench", ClientNames(None, ports=False)):
            writer.write_table(table)
    elapsed, busy = time.perf_counter() - clock, time.process_time() - processor
    rows, peak_mib = logs.read.files[0].rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    size_mb = path.stat().st_size / 1e6
    print(
        f"{path.name}: {rows:,} rows, {size_mb:,.0f} MB: {elapsed:.1f} s ({rows / elapsed:,.0f} rows/s), "
        f"{busy:.1f} s of processor ({rows / busy:,.0f} rows/s), peak of the process {peak_mib:,} MiB"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
