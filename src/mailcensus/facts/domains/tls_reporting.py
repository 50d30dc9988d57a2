"""TLS reporting records (RFC 8460)."""

from __future__ import annotations

from collections.abc import Sequence

from mailcensus.facts.domains.tags import addresses_in, tags_of
from mailcensus.facts.domains.texts import visible
from mailcensus.model import PolicyState, TlsReporting

_VERSION = "v=TLSRPTv1"


def read_tls_reporting(texts: Sequence[str]) -> TlsReporting:
    """What the TXT records at `_smtp._tls` say; those of another version are passed over (section 3)."""
    records = [text for text in texts if text.partition(";")[0].strip() == _VERSION]
    if not records:
        return TlsReporting(state=PolicyState.ABSENT)
    record = visible(records[0])
    if len(records) > 1:
        return _invalid(record, f"{len(records)} records; there may be one")
    try:
        addresses = addresses_in(tags_of(records[0]).get("rua", ""))
    except ValueError as error:
        return _invalid(record, str(error))
    good = [address for address in addresses if address.lower().startswith(("mailto:", "https:"))]
    if not good:
        return _invalid(record, "no rua with a mailto: or https: address")
    return TlsReporting(state=PolicyState.PRESENT, record=record, reports_to=addresses)


def _invalid(record: str, error: str) -> TlsReporting:
    return TlsReporting(state=PolicyState.INVALID, record=record, error=error)
