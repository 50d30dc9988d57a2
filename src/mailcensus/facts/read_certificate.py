"""A certificate as OpenSSL and as our own DER walk read it, kept while neighbours are judged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from OpenSSL import crypto

from mailcensus.wire.certificates import Links, certificate_links
from mailcensus.wire.remembered import remembered


@dataclass(frozen=True, slots=True)
class ReadCertificate:
    """One certificate that both could read."""

    sha256: str
    """Over the bytes as sent, hex."""
    x509: crypto.X509
    links: Links
    encoded_sha256: str
    """Over the bytes as OpenSSL writes them, hex; another hash where they were sent in BER."""

    def time_error(self, at: datetime) -> int:
        """OpenSSL's code for its validity at a time; 0: valid. Both ends are within (RFC 5280 section 4.1.2.5)."""
        if self.links.not_before is not None and at < self.links.not_before:
            return NOT_YET_VALID
        if self.links.not_after is not None and at > self.links.not_after:
            return HAS_EXPIRED
        return 0


NOT_YET_VALID, HAS_EXPIRED = 9, 10


@remembered
def read_certificate(der: bytes) -> ReadCertificate | None:
    """Read one; None where OpenSSL or our walk cannot. Never raises. About 80 us."""
    try:
        x509 = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        encoded = crypto.dump_certificate(crypto.FILETYPE_ASN1, x509)
    except (crypto.Error, ValueError):
        return None
    links = certificate_links(der)
    if links is None:
        return None
    return ReadCertificate(hashlib.sha256(der).hexdigest(), x509, links, hashlib.sha256(encoded).hexdigest())
