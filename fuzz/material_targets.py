"""X.509 certificates."""

from __future__ import annotations

from fuzz.cutting import Cut
from mailcensus.dataset.columns import table_of
from mailcensus.model import Certificate
from mailcensus.wire.certificates import certificate_spki, parse_certificate


def certificate(data: bytes, _cut: Cut) -> object:
    """A certificate: parsing never raises, its record can be stored, and both readers see the same key."""
    record = parse_certificate(data)
    spki = certificate_spki(data)
    assert (spki is None) == (record.spki_sha256 is None)
    table_of(Certificate, [record])
    return record
