"""A synthetic dataset for benchmarks: as many hosts as asked for, keys shared with a real study's skew.

About half of all hosts share a key with another one; group sizes follow a power law with one group that holds a
ninth of the sharing hosts, as in the published study of Ireland (18,268 hosts, 53 % sharing, biggest cluster
1,991). Every host shows five keys: SSH, and a certificate on four services. Greetings, certificate names, AS and
reverse name are there too, and one host in a hundred is asked twice on port 25.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mailcensus.model import Certificate, Grab, Hit, Host, Key, Ssh, SshHostKey, Tls, fields_of

SERVICES = (("ssh", 22), ("smtp", 25), ("imap", 143), ("https", 443), ("imaps", 993))
SHARING = 0.53
BIGGEST = 1 / 9
SSH_SHARING = 0.5
"""Share of groups whose members have their SSH host key in common too."""
OTHER_HTTPS = 0.3
"""Share of hosts with a key of their own on HTTPS."""
CROSS = 0.002
"""Share of hosts whose SSH host key is their TLS key."""
RSA_TRANSPORT = 0.04
"""Share of handshakes with RSA key transport."""
RETRIED = 100
"""One host in so many was rate limited when first asked on port 25."""
ROWS_A_PART = 250_000
RUN = "2026-11-22T00-00-00Z-0000"
NOW = pa.scalar(datetime(2026, 11, 22, tzinfo=UTC), pa.timestamp("us", tz="UTC"))

Ids = npt.NDArray[np.int64]


def write_population(data: Path, hosts: int, seed: int = 2026, renewed: float = 0) -> None:
    """Write hits, grabs, certificates and keys of `hosts` hosts.

    Args:
        renewed: share of hosts with new keys, of the same sharing; all others have those they have with 0.
    """
    random = np.random.default_rng(seed)
    tls = random.permutation(_groups(random, hosts))
    shared = np.bincount(tls)[tls] > 1
    ssh_common = shared & (random.random(tls.max() + 1) < SSH_SHARING)[tls]
    own = tls.max() + 1 + np.arange(hosts)
    ssh = np.where(ssh_common, own.max() + 1 + tls, own)
    ssh = np.where(random.random(hosts) < CROSS, tls, ssh)
    https = np.where(random.random(hosts) < OTHER_HTTPS, own.max() * 2 + 2 + np.arange(hosts), tls)
    shown = np.stack([ssh, tls, tls, https, tls], axis=1)
    shown[random.random(hosts) < renewed] += shown.max() + 1
    for number, ids in _pieces(np.unique(shown)):
        _write_keys(data, number, ids)
    for number, ids in _pieces(np.unique(shown[:, 1:])):
        _write_certificates(data, number, ids)
    for first in range(0, hosts, ROWS_A_PART // len(SERVICES)):
        _write_hosts(data, first, shown[first : first + ROWS_A_PART // len(SERVICES)])


def _pieces(ids: Ids) -> Iterator[tuple[int, Ids]]:
    """Ids by parts, with the part's number; names of all at once would take gigabytes."""
    for number, first in enumerate(range(0, len(ids), ROWS_A_PART), start=1):
        yield number, ids[first : first + ROWS_A_PART]


def _groups(random: np.random.Generator, hosts: int) -> Ids:
    """Group of each host: singles, one big group, the rest by a power law."""
    sharing = int(hosts * SHARING)
    biggest = max(2, int(sharing * BIGGEST))
    sizes = [np.ones(hosts - sharing, np.int64), np.array([biggest])]
    left = sharing - biggest
    drawn = np.minimum(random.zipf(2.1, left) + 1, max(2, biggest // 3))
    fitting = drawn[: np.searchsorted(np.cumsum(drawn), left, side="right")]
    rest = left - int(fitting.sum())
    counts = np.concatenate([*sizes, fitting, np.ones(rest, np.int64)])
    return np.repeat(np.arange(len(counts)), counts)


def _hex(prefix: str, ids: Ids) -> pa.Array:
    """64 hex digits that look like a hash and name a number."""
    scrambled = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    digits = np.empty((len(ids), 64), np.uint8)
    digits[:, 0] = ord(prefix)
    digits[:, 1:49] = np.tile(_digits_of(scrambled), 3)
    digits[:, 49:] = _digits_of(scrambled ^ np.uint64(0xFFFF))[:, :15]
    offsets = np.arange(0, digits.size + 1, 64, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))


def _digits_of(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """The 16 hex digits of each number, as ASCII."""
    octets = values.astype(">u8").view(np.uint8).reshape(-1, 8)
    nibbles = np.stack([octets >> 4, octets & 15], axis=2).reshape(-1, 16)
    return np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles]


def _write(data: Path, record: type, table: str, number: int, columns: dict[str, pa.Array]) -> None:
    """One part with the record's types; columns that are not given are null, allowed or not."""
    rows = len(next(iter(columns.values())))
    arrays = {}
    for field in fields_of(record):
        column = columns.get(field.name, pa.nulls(rows, field.arrow))
        # Structs stay as they are made: nulls in columns that allow none do not go through a cast.
        arrays[field.name] = column if pa.types.is_nested(column.type) else column.cast(field.arrow)
    (data / table).mkdir(parents=True, exist_ok=True)
    path = data / table / f"part-{number:08}-{number:08}.parquet"
    pq.write_table(pa.table(arrays), path, compression="zstd")


def _write_keys(data: Path, number: int, ids: Ids) -> None:
    count = len(ids)
    columns = {
        "spki_sha256": _hex("a", ids),
        "algorithm": pa.repeat("rsa", count),
        "bits": pa.repeat(2048, count),
        "spki_der": pa.repeat(b"0", count),
    }
    _write(data, Key, "keys", number, columns)


def _write_certificates(data: Path, number: int, keys: Ids) -> None:
    names = [f"mx{key}.example" for key in keys.tolist()]
    columns = {
        "sha256": _hex("c", keys),
        "der": pa.repeat(b"0", len(keys)),
        "parse_status": pa.repeat("ok", len(keys)),
        "spki_sha256": _hex("a", keys),
        "common_name": pa.array(names),
        "sans": pa.array([[name, f"mail.{name}"] if len(name) % 2 else [f"*.{name}"] for name in names]),
    }
    _write(data, Certificate, "certificates", number, columns)


def _write_hosts(data: Path, first: int, shown: Ids) -> None:
    hosts, _ = shown.shape
    numbers = np.arange(first, first + hosts) + (11 << 24)
    ips = pa.array([f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in numbers.tolist()])
    number = first // (ROWS_A_PART // len(SERVICES)) + 1
    common = {"run_id": pa.repeat(RUN, hosts), "ip": ips}
    hit = {
        "seen_at": pa.repeat(NOW, hosts),
        "port": pa.repeat(25, hosts),
        "engine": pa.repeat("connect", hosts),
        "canary": pa.repeat(False, hosts),
    }
    _write(data, Hit, "hits", number, {**common, **hit})
    _write(data, Host, "hosts", number, {**common, **_facts(numbers)})
    _write(data, Grab, "grabs", number, _grabs(ips, shown))


def _facts(numbers: Ids) -> dict[str, pa.Array]:
    """Some 250 hosts an AS, neighbours together; two countries."""
    asns = numbers // 251 % 60_000 + 1
    return {
        "looked_up_at": pa.repeat(NOW, len(numbers)),
        "country": pa.array(np.where(asns % 7 == 0, "GB", "IE")),
        "asn": pa.array(asns),
        "as_org": pa.array([f"Network {asn}" for asn in asns.tolist()]),
        "ptr": pa.array([f"host-{number}.net{number // 251}.example" for number in numbers.tolist()]),
    }


def _grabs(ips: pa.Array, shown: Ids) -> dict[str, pa.Array]:
    hosts, services = shown.shape
    row = pa.array(np.repeat(np.arange(hosts), services))
    service = np.tile(np.arange(services), hosts)
    names, ports = (pa.array(column) for column in zip(*SERVICES, strict=True))
    flat = shown.reshape(-1)
    spki = _hex("a", flat)
    retried = (service == 1) & (np.repeat(np.arange(hosts), services) % RETRIED == 0)
    answered = {
        "run_id": pa.repeat(RUN, len(flat)),
        "vantage": pa.repeat("bench", len(flat)),
        "started_at": pa.repeat(NOW, len(flat)),
        "duration_ms": pa.repeat(100.0, len(flat)),
        "ip": ips.take(row),
        "port": ports.take(pa.array(service)),
        "service": names.take(pa.array(service)),
        "protocol": names.take(pa.array(service)),
        "tls_mode": pa.repeat("starttls", len(flat)),
        "attempt": pa.array(1 + retried),
        "outcome": pa.repeat("ok", len(flat)),
        "stage": pa.repeat("done", len(flat)),
        "greeting": pa.array(
            [f"220 mx{key}.example ESMTP Postfix" if at == 1 else None
             for key, at in zip(flat.tolist(), service.tolist(), strict=True)]
        ),
        "software": pa.repeat("Postfix", len(flat)),
        "starttls_offered": pa.repeat(True, len(flat)),
        "tls": _tls(spki, _hex("c", flat), service == 0),
        "ssh": _ssh(spki, service == 0),
    }  # fmt: skip
    limited = {name: column.filter(pa.array(retried)) for name, column in answered.items()}
    count = len(limited["ip"])
    limited |= {"outcome": pa.repeat("rate_limited", count), "attempt": pa.repeat(1, count)}
    limited |= {name: pa.nulls(count, answered[name].type) for name in ("greeting", "tls", "ssh")}
    return {
        name: pa.concat_arrays([_plain(column), _plain(limited[name]).cast(column.type)])
        for name, column in answered.items()
    }


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _struct(
    arrow: pa.DataType, columns: dict[str, pa.Array], rows: int, missing: npt.NDArray[np.bool_]
) -> pa.Array:
    arrays = [columns.get(field.name, pa.nulls(rows, field.type)) for field in arrow]
    fields = [pa.field(field.name, array.type) for field, array in zip(arrow, arrays, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=pa.array(missing))


def _fields(record: type) -> pa.DataType:
    return pa.struct([pa.field(field.name, field.arrow) for field in fields_of(record)])


def _tls(spki: pa.Array, leaf: pa.Array, missing: npt.NDArray[np.bool_]) -> pa.Array:
    transport = np.arange(len(spki)) % round(1 / RSA_TRANSPORT) == 3
    columns = {
        "version": pa.array(np.where(transport, 0x0303, 0x0304).astype(np.uint16)),
        "version_name": pa.array(np.where(transport, "TLSv1.2", "TLSv1.3")),
        "cipher_suite": pa.array(np.where(transport, 0x009C, 0x1302).astype(np.uint16)),
        "spki_sha256": spki,
        "leaf_sha256": leaf,
    }
    return _struct(_fields(Tls), columns, len(spki), missing)


def _ssh(spki: pa.Array, present: npt.NDArray[np.bool_]) -> pa.Array:
    keys = spki.filter(pa.array(present))
    columns = {
        "algorithm": pa.repeat("ssh-rsa", len(keys)),
        "fingerprint": keys,
        "spki_sha256": keys,
        "verified": pa.repeat(True, len(keys)),
    }
    structs = _struct(_fields(SshHostKey), columns, len(keys), np.zeros(len(keys), np.bool_))
    offsets = np.concatenate([[0], np.cumsum(present)])
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)
    columns = {"protocol_version": pa.repeat("2.0", len(spki)), "host_keys": lists}
    return _struct(_fields(Ssh), columns, len(spki), ~present)
