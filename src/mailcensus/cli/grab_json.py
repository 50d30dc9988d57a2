"""A lone grab as JSON: the columns of the grabs table, and the bytes that its hashes name."""

from __future__ import annotations

import base64
import textwrap
from dataclasses import asdict

from mailcensus.model import Observation

_PEM_COLUMNS = 64
"""RFC 7468 section 2."""


def record_of(observation: Observation) -> dict[str, object]:
    """The columns of `model.Grab`, then what a study keeps in tables of their own.

    Returns:
        `certificates`: PEM, as sent, leaf first. `keys`: PEM of the canonical SubjectPublicKeyInfo of keys that
        no certificate holds (SSH host keys).
    """
    return {
        **asdict(observation.grab),
        "certificates": [_pem("CERTIFICATE", der) for der in observation.certificates],
        "keys": [_pem("PUBLIC KEY", der) for der in observation.keys],
    }


def _pem(label: str, der: bytes) -> str:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), _PEM_COLUMNS))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
