"""What another run says of a key that one run saw in a place: still there, not there any more, or nobody knows.

A key is absent from a place where the other run knows that there is none, or saw another key of the same kind
there. Another kind of key says nothing: a server may hold an RSA key beside an ECDSA key, an SSH server always does.
"""

from __future__ import annotations

from mailcensus.analysis.side_by_side import SideBySide

_FATES = """
SELECT s.host, s.service, s.key, s.kind,
    CASE WHEN there.key IS NOT NULL THEN 'there'
         WHEN alike.kind IS NOT NULL OR (p.keyless AND other.host IS NULL) THEN 'absent'
         WHEN other.host IS NOT NULL THEN 'other_kind'
         WHEN p.host IS NOT NULL THEN 'unknown'
         WHEN a.host IS NULL AND swept.host IS NOT NULL THEN 'silent'
         ELSE 'not_asked' END AS fate
FROM sightings s
LEFT JOIN sightings there
    ON there.run = {other} AND there.host = s.host AND there.service = s.service AND there.key = s.key
LEFT JOIN (SELECT DISTINCT host, service, kind FROM sightings WHERE run = {other}) alike
    ON alike.host = s.host AND alike.service = s.service AND alike.kind = s.kind
LEFT JOIN (SELECT DISTINCT host, service FROM sightings WHERE run = {other}) other
    ON other.host = s.host AND other.service = s.service
LEFT JOIN places p ON p.run = {other} AND p.host = s.host AND p.service = s.service
LEFT JOIN asked a ON a.run = {other} AND a.host = s.host
LEFT JOIN swept_{other} swept ON swept.host = s.host
WHERE s.run = {run}
"""


def put_fates(sides: SideBySide, run: int, other: int) -> str:
    """Hold the fate in one run of every sighting of another.

    Args:
        run: place of the run whose sightings these are.
        other: place of the run that is asked about them.
    Returns:
        The table's name: host, service, key, kind, fate (there, absent, other_kind, unknown, silent, not_asked).
    """
    name = f"fates_{run}_{other}"
    sides.put_swept(other)
    sides.make(name, _FATES.format(run=run, other=other))
    return name
