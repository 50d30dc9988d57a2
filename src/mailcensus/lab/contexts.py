"""OpenSSL contexts for the lab's certificates, each made once, when its first visitor comes."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from mailcensus.lab.material import Material
from mailcensus.lab.plan import TlsVersions

_RANGES = {
    TlsVersions.TLS12: (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
    TlsVersions.TLS13: (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    TlsVersions.BOTH: (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3),
}


class Contexts:
    """Server contexts by certificate and versions."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._made: dict[tuple[str, TlsVersions], ssl.SSLContext] = {}

    def get(self, certificate: str, versions: TlsVersions) -> ssl.SSLContext:
        """The context of a certificate."""
        wanted = (certificate, versions)
        if wanted not in self._made:
            self._made[wanted] = self._make(*wanted)
        return self._made[wanted]

    def _make(self, certificate: str, versions: TlsVersions) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = _RANGES[versions]
        with tempfile.TemporaryDirectory() as directory:  # ssl reads certificates from files only
            path = Path(directory) / "certificate.pem"
            path.write_bytes(self._material.pem(certificate))
            context.load_cert_chain(path)
        return context
