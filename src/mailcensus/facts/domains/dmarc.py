"""DMARC records (RFC 7489)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailcensus.facts.domains.tags import addresses_in, tags_of
from mailcensus.facts.domains.texts import visible
from mailcensus.model import Dmarc, PolicyState

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_POLICIES = ("none", "quarantine", "reject")


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is one: anything else under `_dmarc` is passed over (section 6.6.3)."""
    return _VERSION.match(text) is not None


def read_dmarc(texts: Sequence[str], found_at: str, *, is_own: bool) -> Dmarc:
    """What the TXT records at `_dmarc.<found_at>` say of a domain.

    Args:
        texts: the records.
        found_at: the domain they belong to.
        is_own: whether that is the domain asked about; of a parent's record `sp` holds, where there is one.
    """
    records = [text for text in texts if is_dmarc(text)]
    if not records:
        return Dmarc(state=PolicyState.ABSENT)
    record = visible(records[0])
    if len(records) > 1:
        return _invalid(record, found_at, f"{len(records)} records; there may be one")
    try:
        return _of_tags(record, tags_of(records[0]), found_at, is_own=is_own)
    except ValueError as error:
        return _invalid(record, found_at, str(error))


def _invalid(record: str, found_at: str, error: str) -> Dmarc:
    return Dmarc(state=PolicyState.INVALID, record=record, found_at=found_at, error=error)


def _of_tags(record: str, tags: dict[str, str], found_at: str, *, is_own: bool) -> Dmarc:
    reports = addresses_in(tags.get("rua", ""))
    policy = tags.get("p", "").lower()
    if policy not in _POLICIES:
        if not reports:  # with reports wanted, it counts as none (section 6.6.3)
            raise ValueError(f"p is {policy[:60]!a}" if policy else "no p")
        policy = "none"
    of_subdomains = tags.get("sp", "").lower()
    percent = tags.get("pct", "100")
    if not percent.isascii() or not percent.isdecimal() or int(percent[:4]) > 100:
        raise ValueError(f"pct is {percent[:60]!a}")
    return Dmarc(
        state=PolicyState.PRESENT,
        record=record,
        found_at=found_at,
        policy=policy if is_own or of_subdomains not in _POLICIES else of_subdomains,
        percent=int(percent[:4]),
        reports_to=reports,
        failures_to=addresses_in(tags.get("ruf", "")),
    )
