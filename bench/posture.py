"""From Parquet to all tables of posture and authentication on a synthetic study: python -m bench.posture [GRABS]

Five million grabs unless told, of five TLS services on a million hosts, skewed as such studies are: half of all hosts
show a certificate of their own, others share by a power law; few suites, groups and mechanisms make most handshakes.
The tables run in a process of their own, so that the peak memory is theirs.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.synthetic_study import NOW, RUN, Ids, _facts, _fields, _hex, _struct, _write
from mailcensus.analysis.evidence import gather
from mailcensus.analysis.posture.tables import POSTURE_TABLES
from mailcensus.analysis.protection_tables import PROTECTION_TABLES
from mailcensus.analysis.table_spec import rows_of
from mailcensus.dataset.tables import Dataset
from mailcensus.model import Certificate, Chain, ChainError, Grab, Host, Key, Tls

GRABS = 5_000_000
SERVICES = (
    ("smtp", 25, "smtp", "starttls"),
    ("submission", 587, "smtp", "starttls"),
    ("imap", 143, "imap", "starttls"),
    ("imaps", 993, "imap", "implicit"),
    ("pop3s", 995, "pop3", "implicit"),
)
HOSTS_A_PART = 50_000
INTERMEDIATES = 200
OUTCOMES = (("ok", "done", 0.8), ("no_starttls", "capabilities", 0.05), ("refused", "connect", 0.12),
            ("timeout", "greeting", 0.03))  # fmt: skip
HANDSHAKES = (
    (0x0304, "TLSv1.3", 0x1302, 29, 0x0804, 0.5),
    (0x0304, "TLSv1.3", 0x1301, 0x11EC, 0x0403, 0.1),
    (0x0303, "TLSv1.2", 0xC030, 23, 0x0401, 0.25),
    (0x0303, "TLSv1.2", 0x009F, 256, 0x0401, 0.06),
    (0x0303, "TLSv1.2", 0x009D, 0, 0, 0.05),
    (0x0301, "TLSv1.0", 0x0035, 0, 0, 0.04),
)
"""Version, its name, suite, group and signature (0: none), share."""
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "NTLM", "GSSAPI")
STATUSES = (("valid", (), 0.45), ("self_signed", (18,), 0.3), ("expired", (10,), 0.1),
            ("broken_chain", (20,), 0.1), ("self_signed", (18, 10), 0.05))  # fmt: skip
Picks = npt.NDArray[np.int64]


def write_study(data: Path, grabs: int, seed: int = 2026) -> None:
    """Write grabs, certificates, keys, chains and host facts."""
    random = np.random.default_rng(seed)
    hosts = grabs // len(SERVICES)
    leaf_of = np.where(random.random(hosts) < 0.5, np.arange(hosts) + hosts, random.zipf(1.5, hosts) % hosts)
    leaves = np.unique(leaf_of)
    _write_certificates(data, random, leaves)
    for part, first in enumerate(range(0, hosts, HOSTS_A_PART), start=1):
        _write_part(data, random, part, first, leaf_of[first : first + HOSTS_A_PART])


def _pick(random: np.random.Generator, shares: Sequence[float], rows: int) -> Picks:
    return random.choice(len(shares), rows, p=np.array(shares) / sum(shares)).astype(np.int64)


def _taken(values: Sequence[Any], picks: Picks, arrow: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, arrow).take(pa.array(picks))


def _chain_of(leaves: Ids) -> pa.Array:
    """Leaf and intermediate of each, as sent."""
    both = pa.concat_arrays([_hex("c", leaves), _hex("d", leaves % INTERMEDIATES)])
    rows = len(leaves)
    order = np.stack([np.arange(rows), np.arange(rows) + rows], axis=1).reshape(-1)
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1) * 2, pa.int32()), both.take(pa.array(order)))


def _write_certificates(data: Path, random: np.random.Generator, leaves: Ids) -> None:
    rows = len(leaves)
    begins = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(320)]
    began, lives = _pick(random, [1] * 320, rows), _pick(random, [6, 3, 1], rows)
    ends = [at + timedelta(days=days, seconds=-1) for days in (90, 398, 3650) for at in begins]
    issuers = [f"CN=CA {n},O=Organisation {n // 3},C=US" for n in range(INTERMEDIATES)]
    zipf = random.zipf(1.6, rows) % INTERMEDIATES
    times = pa.timestamp("us", tz="UTC")
    _write(data, Certificate, "certificates", 1, {
        "sha256": _hex("c", leaves), "der": pa.repeat(b"0", rows), "parse_status": pa.repeat("ok", rows),
        "spki_sha256": _hex("a", leaves), "common_name": pa.array([f"mx{n}.example" for n in leaves.tolist()]),
        "issuer": _taken(issuers, zipf), "subject": pa.array([f"CN=mx{n}.example" for n in leaves.tolist()]),
        "not_before": _taken(begins, began, times), "not_after": _taken(ends, lives * 320 + began, times),
        "signature_algorithm": _taken(["sha256WithRSAEncryption", "ecdsa-with-SHA384"], _pick(random, [4, 1], rows)),
        "key_algorithm": pa.repeat("rsa", rows), "key_bits": _taken([2048, 4096, 1024], _pick(random, [8, 2, 1], rows)),
        "self_issued": pa.array(random.random(rows) < 0.3), "self_signed": pa.array(random.random(rows) < 0.3),
    })  # fmt: skip
    key = {
        "spki_sha256": _hex("a", leaves),
        "algorithm": pa.repeat("rsa", rows),
        "bits": pa.repeat(2048, rows),
    }
    _write(data, Key, "keys", 1, {**key, "spki_der": pa.repeat(b"0", rows)})
    _write_chains(data, random, leaves)


def _write_chains(data: Path, random: np.random.Generator, leaves: Ids) -> None:
    rows, chains = len(leaves), _chain_of(leaves).to_pylist()
    picks = _pick(random, [share for *_, share in STATUSES], rows)
    errors = [[{"code": code, "name": "", "depth": 0} for code in codes] for _, codes, _ in STATUSES]
    _write(data, Chain, "chains", 1, {
        "chain_id": pa.array([hashlib.sha256("".join(chain).encode()).hexdigest() for chain in chains]),
        "leaf_sha256": _hex("c", leaves), "sent": pa.repeat(2, rows), "root_store": pa.repeat("mozilla", rows),
        "store_date": pa.repeat(datetime(2026, 9, 1, tzinfo=UTC).date(), rows), "store_sha256": pa.repeat("s", rows),
        "at": pa.repeat(NOW, rows), "status": _taken([status for status, *_ in STATUSES], picks),
        "errors": _taken(errors, picks, pa.list_(_fields(ChainError))), "path_length": pa.repeat(3, rows),
        "root_issued_leaf": pa.array(random.random(rows) < 0.01), "superfluous": pa.repeat(0, rows),
    })  # fmt: skip


def _write_part(data: Path, random: np.random.Generator, part: int, first: int, leaf_of: Ids) -> None:
    hosts = len(leaf_of)
    numbers = np.arange(first, first + hosts) + (11 << 24)
    ips = pa.array([f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers.tolist()])
    _write(data, Host, "hosts", part, {"run_id": pa.repeat(RUN, hosts), "ip": ips, **_facts(numbers)})
    count = len(SERVICES)
    rows, service = hosts * count, np.tile(np.arange(count), hosts)
    ended = _pick(random, [share for *_, share in OUTCOMES], rows)
    reached, done = ended != 2, ended == 0
    implicit = np.isin(service, (3, 4))
    _write(data, Grab, "grabs", part, {
        "run_id": pa.repeat(RUN, rows), "vantage": pa.repeat("bench", rows), "started_at": pa.repeat(NOW, rows),
        "duration_ms": pa.repeat(100.0, rows), "ip": ips.take(pa.array(np.repeat(np.arange(hosts), count))),
        **{name: _taken([row[at] for row in SERVICES], service)
           for at, name in enumerate(("service", "port", "protocol", "tls_mode"))},
        "attempt": pa.repeat(1, rows),
        "outcome": _taken([name for name, *_ in OUTCOMES], ended),
        "stage": _taken([stage for _, stage, _ in OUTCOMES], ended),
        "greeting": _taken([f"220 mx{n}.example ESMTP Postfix" for n in range(5_000)], random.zipf(1.3, rows) % 5_000),
        "software": _taken(["Postfix", "Exim", "Dovecot", None], _pick(random, [4, 3, 2, 1], rows)),
        "software_version": _taken(["3.7.11", "4.96", "2.3.19", None], _pick(random, [1, 1, 1, 3], rows)),
        "starttls_offered": pa.array(done, mask=implicit | (ended > 1)),
        "capabilities_before": _lists(random, rows, reached & ~implicit & (ended < 2), extra=("PIPELINING", "SIZE")),
        "auth_before": _lists(random, rows, reached & ~implicit & (ended < 2)),
        "capabilities_after": _lists(random, rows, done, extra=("PIPELINING", "SIZE")),
        "auth_after": _lists(random, rows, done),
        "tls": _tls(random, np.repeat(leaf_of, count), done),
    })  # fmt: skip


def _lists(
    random: np.random.Generator, rows: int, there: npt.NDArray[np.bool_], extra: tuple[str, ...] = ()
) -> Any:
    combinations = [[*extra, *np.random.default_rng(n).permutation(MECHANISMS)[: n % 6]] for n in range(60)]
    picks = random.zipf(1.4, rows) % len(combinations)
    values = pa.array([list(map(str, one)) for one in combinations], pa.list_(pa.string()))
    return values.take(pa.array(picks, mask=~there))


def _tls(random: np.random.Generator, leaves: Ids, done: npt.NDArray[np.bool_]) -> pa.Array:
    rows = len(leaves)
    picks = _pick(random, [share for *_, share in HANDSHAKES], rows)
    version, name, suite, group, scheme, _ = zip(*HANDSHAKES, strict=True)
    finite = picks == 3
    prime = random.zipf(1.5, rows) % 3_000
    columns = {
        "version": _taken(version, picks, pa.uint16()), "version_name": _taken(name, picks),
        "cipher_suite": _taken(suite, picks, pa.uint16()),
        "group": _taken([code or None for code in group], picks, pa.uint16()),
        "signature_scheme": _taken([code or None for code in scheme], picks, pa.uint16()),
        "signature_verified": pa.repeat(True, rows),
        "dh_bits": pa.array(np.where(prime % 3 == 0, 1024, 2048).astype(np.uint32), mask=~finite),
        "dh_prime_sha256": _masked([f"{n:064x}" for n in range(3_000)], prime, finite),
        "ocsp_stapled": pa.array(random.random(rows) < 0.02), "sct_count": pa.repeat(pa.scalar(0, pa.uint16()), rows),
        "session_ticket": pa.array(random.random(rows) < 0.7), "extended_master_secret": pa.array(picks < 3),
        "ja3s": _taken([f"{n:032x}" for n in range(500)], random.zipf(1.5, rows) % 500),
        "ja4s": _taken([f"t13{n:04}" for n in range(400)], random.zipf(1.5, rows) % 400),
        "record_bytes": pa.array((random.zipf(1.2, rows) % 16_384).astype(np.uint16)),
        "chain": _chain_of(leaves), "leaf_sha256": _hex("c", leaves), "spki_sha256": _hex("a", leaves),
        "finished": pa.repeat(True, rows),
    }  # fmt: skip
    return _struct(_fields(Tls), columns, rows, ~done)


def _masked(values: list[str], picks: Picks, there: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values).take(pa.array(picks, mask=~there))


def _measure(data: Path) -> None:
    """Runs in a child: prints the figures."""
    warnings.simplefilter("ignore")
    started, cpu = time.perf_counter(), time.process_time()
    evidence = gather(Dataset(data))
    print(
        f"{time.process_time() - cpu:6.1f} s CPU  {time.perf_counter() - started:6.1f} s  who showed which key"
    )
    for spec in (*POSTURE_TABLES, *PROTECTION_TABLES):
        before, at = time.process_time(), time.perf_counter()
        table = rows_of(spec, evidence)
        spent = f"{time.process_time() - before:6.1f} s CPU  {time.perf_counter() - at:6.1f} s"
        print(f"{spent}  {spec.name}, {table.num_rows:,} rows", flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{time.process_time() - cpu:6.1f} s CPU  {time.perf_counter() - started:6.1f} s  all; peak {peak_mb:,.0f} MB"
    )


def main(grabs: int) -> None:
    """Write, measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        write_study(Path(directory), grabs)
        print(f"{grabs:,} grabs", flush=True)
        subprocess.run([sys.executable, "-m", "bench.posture", "--measure", directory], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        _measure(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else GRABS)
