"""Times in certificates (RFC 5280 section 4.1.2.5), and the forms that X.690 allows besides."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from mailcensus.wire import der
from mailcensus.wire.der import Element
from mailcensus.wire.errors import ProtocolError

_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_LAYOUT = re.compile(
    rb"(?P<year>\d{2}|\d{4})(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?"
    rb"(?:\.\d{1,9})?(?:Z|(?P<sign>[+-])(?P<off_hours>\d\d)(?P<off_minutes>\d\d))"
)


def read_time(data: bytes, element: Element) -> datetime:
    """A UTCTime or GeneralizedTime, to the second, in UTC. Offsets and absent seconds are allowed.

    Raises:
        ProtocolError: another type, not a time, or a date that no calendar has.
    """
    year_digits = {_UTC_TIME: 2, _GENERALIZED_TIME: 4}.get(element.tag)
    if year_digits is None:
        raise ProtocolError("not a time")
    found = _LAYOUT.fullmatch(der.content(data, element))
    if found is None or len(found["year"]) != year_digits:
        raise ProtocolError("not written as a time")
    year, month, day, hour, minute = map(int, found.group("year", "month", "day", "hour", "minute"))
    if year_digits == 2:
        year += 2000 if year < 50 else 1900
    try:
        return datetime(year, month, day, hour, minute, int(found["second"] or 0), tzinfo=UTC) - _offset(
            found
        )
    except (ValueError, OverflowError):
        raise ProtocolError("a date that no calendar has") from None


def _offset(found: re.Match[bytes]) -> timedelta:
    if found["sign"] is None:
        return timedelta()
    offset = timedelta(hours=int(found["off_hours"]), minutes=int(found["off_minutes"]))
    return -offset if found["sign"] == b"-" else offset
