"""Certificates and keys as they were shown, each written once per dataset.

Keys are written before certificates, so whatever a crash leaves, every certificate on disk has its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mailcensus.dataset.names import Names
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.seen import values_of
from mailcensus.model import Certificate, Key
from mailcensus.wire.certificates import certificate_spki, parse_certificate
from mailcensus.wire.keys import describe_key


class Shown:
    """Takes certificates and keys, writes those that the dataset has not. One per dataset at a time.

    Attributes:
        der_bytes: of the certificates that wait for `flush`; peers choose their size.
        parts: writers of the tables, in the order they are written.
    """

    def __init__(self, data: Path) -> None:
        self._key_parts = PartWriter(data, "keys", Key)
        self._certificate_parts = PartWriter(data, "certificates", Certificate)
        self.parts = (self._key_parts, self._certificate_parts)
        self._seen_certificates = Names(map(bytes.fromhex, values_of(data / "certificates", "sha256")))
        self._seen_keys = Names(map(bytes.fromhex, values_of(data / "keys", "spki_sha256")))
        self._certificates: list[Certificate] = []
        self._keys: list[Key] = []
        self.der_bytes = 0

    def add(self, certificates: Iterable[bytes], keys: Iterable[bytes]) -> None:
        """Take certificates (DER) and keys (canonical SubjectPublicKeyInfo); written with the next flush."""
        for der in certificates:
            self._add_certificate(der)
        for spki in keys:
            self._add_key(spki)

    def flush(self) -> None:
        """Write what is waiting; what was written is no longer waiting, even when the later table fails.

        Raises:
            StageFailed: a part could not be written.
        """
        self._key_parts.write(self._keys)
        self._keys = []
        self._certificate_parts.write(self._certificates)
        self._certificates, self.der_bytes = [], 0

    def _add_certificate(self, der: bytes) -> None:
        if not self._seen_certificates.add(hashlib.sha256(der).digest()):
            return
        self._certificates.append(parse_certificate(der))
        self.der_bytes += len(der)
        spki = certificate_spki(der)
        if spki is not None:
            self._add_key(spki)

    def _add_key(self, spki: bytes) -> None:
        if self._seen_keys.add(hashlib.sha256(spki).digest()):
            self._keys.append(describe_key(spki))
