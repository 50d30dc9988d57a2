"""What `openssl verify -show_chain` says of a chain."""

from __future__ import annotations

import calendar
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_ERROR = re.compile(r"^error (\d+) at (\d+) depth lookup", re.MULTILINE)
_DEPTH = re.compile(r"^depth=(\d+): (.*?)(?: \(untrusted\))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """What `openssl verify` says."""

    ok: bool
    errors: tuple[tuple[int, int], ...]
    """Codes and depths, in the order said; it goes on behind some and stops at others."""
    path: tuple[str, ...]
    """Subjects of a path that it likes."""


def openssl_verify(directory: Path, roots: Path, chain: Sequence[bytes], at: datetime, level: int) -> Said:
    leaf, others = directory / "leaf.der", directory / "others.pem"
    leaf.write_bytes(chain[0])
    others.write_bytes(b"".join(map(_pem, chain[1:])))
    seconds = calendar.timegm(at.utctimetuple())
    trust = ("-no-CApath", "-no-CAstore", "-CAfile", str(roots))
    untrusted = ("-untrusted", str(others)) if chain[1:] else ()
    options = ("-show_chain", "-attime", str(seconds), "-auth_level", str(level), *trust, *untrusted)
    ended = subprocess.run(
        ["openssl", "verify", *options, str(leaf)], capture_output=True, text=True, check=False, timeout=20
    )
    errors = tuple((int(code), int(depth)) for code, depth in _ERROR.findall(ended.stderr))
    return Said(ended.returncode == 0, errors, tuple(name for _, name in _DEPTH.findall(ended.stdout)))


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
