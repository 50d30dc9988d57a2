"""Rows a second of an import of zgrab2's JSON lines, to durable Parquet.

    PYTHONPATH=tests python -m bench.import_zgrab2 --records DIR --rows 1000000

Records are one of each of smtp, pop3, ssh and https out of zgrab2's own schemas' test data (a mean of 2.8 KB), in turn,
each row with an address of its own. Certificates and keys are the same in all rows of a kind: parsing a certificate
that is new costs some 50 us more. The signature of each SSH record is checked. By one process and by one for each
processor, beside the one that writes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from ipaddress import IPv4Address
from pathlib import Path

from mailcensus.dataset.imports import import_file
from mailcensus.study import Settings, Study

KINDS = ("smtp-ehlo.03.json", "pop3-banner.json", "ssh-ssh.json", "http-https.json")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=Path, required=True, help="zgrab2_schemas/zgrab2/testdata")
    parser.add_argument("--rows", type=int, default=100_000, help="(default %(default)s)")
    parser.add_argument(
        "--workers",
        type=int,
        nargs="*",
        default=sorted({1, os.cpu_count() or 1}),
        help="(default %(default)s)",
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailcensus-") as name:
        file = Path(name) / "grabs.jsonl"
        _write(arguments.records, arguments.rows, file)
        print(f"{arguments.rows:,} rows, {file.stat().st_size / 1e6:,.0f} MB")
        for workers in arguments.workers:
            _measure(file, Path(name) / f"study-{workers}", workers)
    return 0


def _write(records: Path, rows: int, file: Path) -> None:
    told = [json.loads((records / kind).read_text()) for kind in KINDS]
    first = int(IPv4Address("10.0.0.0"))
    with file.open("w", encoding="utf-8") as out:
        for number in range(rows):
            record = {**told[number % len(told)], "ip": str(IPv4Address(first + number))}
            out.write(json.dumps(record, separators=(",", ":")) + "\n")


def _measure(file: Path, directory: Path, workers: int) -> None:
    study = Study(directory, Settings.model_validate({}))
    began, cpu = time.perf_counter(), _cpu_s()
    imported = import_file(study, "zgrab2", file, workers=workers)
    wall, cpu = time.perf_counter() - began, _cpu_s() - cpu
    assert imported.grabs == imported.rows, f"{imported.grabs:,} grabs of {imported.rows:,} rows"
    print(
        f"{workers} processes: {wall:6.1f} s, {imported.rows / wall:9,.0f} rows/s on the clock, "
        f"{imported.rows / cpu:9,.0f} a second of CPU, peak {_peak_mb():,.0f} MB in one process"
    )


def _cpu_s() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def _peak_mb() -> float:
    return max(
        resource.getrusage(who).ru_maxrss / 1e3 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


if __name__ == "__main__":
    sys.exit(main())
