"""RSA keys of known numbers, and lists of compromised keys, for tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gmpy2

from mailcensus.wire import der
from mailcensus.wire.keys import canonical_spki


def rsa_spki(modulus: int, exponent: int = 65_537) -> bytes:
    numbers = der.write(der.SEQUENCE, der.write_integer(modulus), der.write_integer(exponent))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return canonical_spki(der.write(der.SEQUENCE, algorithm, der.write_bit_string(numbers)))


def prime(bits: int, seed: int) -> int:
    start = int.from_bytes(hashlib.shake_256(f"{bits} {seed}".encode()).digest(bits // 8))
    return int(gmpy2.next_prime(start | 3 << (bits - 2)))


P, Q = prime(1024, 1), prime(1024, 2)


def write_blocklist(folder: Path, numbers: list[int], date: str = "2026-11-01") -> Path:
    """A list in badkeys' form."""
    folder.mkdir()
    octets = [n.to_bytes((n.bit_length() + 7) // 8) for n in numbers]
    records = sorted(hashlib.sha256(o).digest()[:15] + b"\x02" for o in octets)
    (folder / "blocklist.dat").write_bytes(b"".join(records))
    lists = {"blocklists": [{"id": 2, "name": "debianssl"}], "date": date, "blocklist_sha256": "ab" * 32}
    (folder / "badkeysdata.json").write_text(json.dumps(lists))
    return folder
