"""Root stores: whom to trust, of which day."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import certifi

from mailcensus.facts.read_certificate import read_certificate
from mailcensus.study import Study, StudyError

MOZILLA, SYSTEM = "mozilla", "system"
SYSTEM_FILE = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian's ca-certificates and its kin put all of them."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RootStore:
    """Trust anchors as they were on one day."""

    name: str
    dated: date
    sha256: str
    """Over its file, hex."""
    certificates: tuple[bytes, ...]
    """DER, each once, those left out that OpenSSL cannot read."""

    def __str__(self) -> str:
        return f"{self.name} of {self.dated} ({len(self.certificates)} roots, {self.sha256[:12]})"


def root_stores_of(study: Study) -> list[RootStore]:
    """The stores that facts.root_stores names, in its order.

    Raises:
        StudyError: one cannot be read or holds no certificate.
    """
    return [root_store(name, study.path(Path(name))) for name in study.settings.facts.root_stores]


def root_store(name: str, path: Path) -> RootStore:
    """One store: mozilla, system, or the PEM file at `path`.

    Raises:
        StudyError: it cannot be read or holds no certificate.
    """
    if name == MOZILLA:
        path = Path(certifi.where())
    elif name == SYSTEM:
        path = SYSTEM_FILE
    try:
        content = path.read_bytes()
        dated = _certifi_date() if name == MOZILLA else _changed(path)
    except OSError as error:
        raise StudyError(
            f"{path}: root store {name!r} cannot be read ({error.strerror or error}); mend facts.root_stores"
        ) from None
    certificates = tuple(der for der in pem_certificates(content) if read_certificate(der) is not None)
    if not certificates:
        raise StudyError(f"{path}: no certificate in PEM form; mend facts.root_stores")
    return RootStore(name, dated, hashlib.sha256(content).hexdigest(), certificates)


def pem_certificates(content: bytes) -> Sequence[bytes]:
    """DER of all certificates of a PEM file, each once; what is no base64 is passed over."""
    found: dict[bytes, None] = {}
    for match in _PEM.finditer(content):
        try:
            found[b64decode(b"".join(match[1].split()), validate=True)] = None
        except Base64Error:
            continue
    return tuple(found)


def _certifi_date() -> date:
    """Releases of certifi are named after their day, e.g. 2026.10.18."""
    year, month, day = (int(part) for part in certifi.__version__.split(".")[:3])
    return date(year, month, day)


def _changed(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
