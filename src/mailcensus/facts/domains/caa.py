"""CAA records (RFC 8659)."""

from __future__ import annotations

from collections.abc import Sequence

from mailcensus.facts.domains.texts import strings_of, visible
from mailcensus.model import Caa, PolicyState

_MOST_RECORDS = 50


def read_caa(rdata: Sequence[str], found_at: str) -> Caa:
    """What the CAA records at a domain say.

    Args:
        rdata: `0 issue "ca.example"`, as master files write them.
        found_at: the domain they stand at.
    """
    values: dict[str, list[str]] = {"issue": [], "issuewild": [], "iodef": []}
    errors: list[str] = []
    for record in rdata:
        fields = strings_of(record)
        if len(fields) != 3 or not fields[0].isdecimal():
            errors.append(f"not flags, tag and value: {record[:60]!a}")
            continue
        flags, tag, value = int(fields[0][:4]), fields[1].lower(), fields[2]
        if tag in values:
            values[tag].append(value)
        elif flags & 0x80:
            errors.append(f"critical property that nobody knows: {tag[:60]!a}")
    return Caa(
        state=PolicyState.INVALID if errors else PolicyState.PRESENT,
        found_at=found_at,
        records=tuple(visible(record) for record in rdata[:_MOST_RECORDS]),
        issuers=_issuers(values["issue"]),
        wildcard_issuers=_issuers(values["issuewild"]),
        report_to=tuple(visible(value) for value in values["iodef"]),
        error="; ".join(errors[:5]) or None,
    )


def _issuers(values: Sequence[str]) -> tuple[str, ...] | None:
    """Names of issuers; None where there is no such property, empty where none may."""
    if not values:
        return None
    names = (value.partition(";")[0].strip().lower() for value in values)
    return tuple(dict.fromkeys(visible(name) for name in names if name))
