"""What became of places, addresses and keys from run A (0) to run B (1).

    place     kept, renewed (same key, other certificate), rotated (other key of the same kind), other_kind,
              gone, appeared
    address   kept (shows one of its keys again, on whatever service), rotated (all its keys are others),
              not_comparable (no place known in both), gone, appeared
    key       kept (at an address where it was), moved (known to be at no such address), elsewhere (seen at other
              addresses, and not known to be gone from its own), gone, appeared

Whatever only one of the two saw and the other one does not know of is unknown_after or unknown_before; silent_...,
where its discovery asked the address in vain; not_asked_..., where it did not ask.
"""

from __future__ import annotations

from mailcensus.analysis.fates import put_fates
from mailcensus.analysis.side_by_side import SideBySide

_PLACES = """
WITH a AS (SELECT host, service, bool_or(fate = 'there') AS there, bool_or(fate = 'absent') AS absent,
               any_value(fate) AS fate FROM fates_0_1 GROUP BY host, service),
b AS (SELECT host, service, any_value(fate) AS fate FROM fates_1_0 GROUP BY host, service),
same AS (
    SELECT host, service, bool_or(one.certificate = two.certificate) AS certificate,
        bool_or(one.certificate IS NOT NULL AND two.certificate IS NOT NULL) AS certified
    FROM shown one JOIN shown two USING (host, service, key) WHERE one.run = 0 AND two.run = 1
    GROUP BY host, service
)
SELECT host, service, CASE
    WHEN a.host IS NULL THEN if(b.fate = 'absent', 'appeared', b.fate || '_before')
    WHEN b.host IS NULL THEN if(a.fate = 'absent', 'gone', a.fate || '_after')
    WHEN a.there THEN if(same.certified AND NOT same.certificate, 'renewed', 'kept')
    WHEN a.absent THEN 'rotated' ELSE 'other_kind' END AS change
FROM a FULL JOIN b USING (host, service) LEFT JOIN same USING (host, service)
"""

_ADDRESSES = """
WITH again AS (
    SELECT DISTINCT host FROM sightings one JOIN sightings two USING (host, key) WHERE one.run = 0 AND two.run = 1
), seen AS (SELECT host, bool_or(run = 0) AS a, bool_or(run = 1) AS b FROM sightings GROUP BY host),
changes AS (SELECT host, list(DISTINCT change) AS changes FROM place_changes GROUP BY host)
SELECT host, CASE
    WHEN again.host IS NOT NULL THEN 'kept'
    WHEN a AND b AND (list_contains(changes, 'rotated')
        OR list_has_all(['gone', 'appeared'], changes)) THEN 'rotated'
    WHEN a AND b THEN 'not_comparable'
    ELSE coalesce(list_filter([{order}], lambda word: list_contains(changes, word))[1], if(a, 'gone', 'appeared'))
    END AS change
FROM seen JOIN changes USING (host) LEFT JOIN again USING (host)
"""
_LESS_THAN_KNOWN = ("unknown_after", "silent_after", "not_asked_after", "unknown_before", "silent_before",
                    "not_asked_before")  # fmt: skip

_KEYS = """
WITH a AS (SELECT key, bool_or(fate = 'there') AS there, bool_and(fate = 'absent') AS absent,
               count(DISTINCT host) AS hosts, min(host) AS first FROM fates_0_1 GROUP BY key),
b AS (SELECT key, bool_and(fate = 'absent') AS absent, count(DISTINCT host) AS hosts, min(host) AS first
      FROM fates_1_0 GROUP BY key),
again AS (
    SELECT DISTINCT key FROM sightings one JOIN sightings two USING (host, key) WHERE one.run = 0 AND two.run = 1
)
SELECT key, coalesce(a.hosts, 0) AS hosts_a, coalesce(b.hosts, 0) AS hosts_b, a.first AS first_a, b.first AS first_b,
    CASE WHEN again.key IS NOT NULL THEN 'kept'
         WHEN b.key IS NULL THEN if(a.absent, 'gone', 'unknown_after')
         WHEN a.key IS NULL THEN if(b.absent, 'appeared', 'unknown_before')
         ELSE if(a.absent, 'moved', 'elsewhere') END AS change
FROM a FULL JOIN b USING (key) LEFT JOIN again USING (key)
"""

PLACE_SUMMARY = """
WITH counted AS (SELECT service, change, count(*) AS places FROM place_changes GROUP BY service, change)
SELECT name AS service, change, places, sum(places) OVER (PARTITION BY service) AS of, places / of AS share
FROM counted JOIN services USING (service) ORDER BY service, places DESC, change
"""

PLACE_CHANGES = """
WITH changed AS (
    SELECT * FROM place_changes WHERE change IN ('rotated', 'renewed', 'other_kind', 'gone', 'appeared')
), named AS (
    SELECT host, service,
        list(spki_sha256 ORDER BY spki_sha256) FILTER (run = 0) AS a,
        list(spki_sha256 ORDER BY spki_sha256) FILTER (run = 1) AS b
    FROM sightings SEMI JOIN changed USING (host, service) JOIN keys USING (key) GROUP BY host, service
)
SELECT ip, name AS service, change, coalesce(a, []) AS keys_a, coalesce(b, []) AS keys_b
FROM changed JOIN named USING (host, service) JOIN hosts USING (host) JOIN services USING (service)
ORDER BY host, service
"""

ADDRESS_CHANGES = """
WITH changed AS (SELECT * FROM address_changes WHERE change <> 'kept'),
places AS (SELECT DISTINCT run, host, service, name FROM sightings SEMI JOIN changed USING (host)
           JOIN services USING (service)),
named AS (SELECT host, list(name ORDER BY service) FILTER (run = 0) AS a,
              list(name ORDER BY service) FILTER (run = 1) AS b FROM places GROUP BY host)
SELECT ip, change, coalesce(a, []) AS services_a, coalesce(b, []) AS services_b
FROM changed JOIN named USING (host) JOIN hosts USING (host) ORDER BY host
"""

KEY_CHANGES = """
SELECT spki_sha256, change, algorithm, bits, hosts_a, hosts_b, one.ip AS first_ip_a, two.ip AS first_ip_b
FROM key_changes JOIN keys USING (key)
LEFT JOIN hosts one ON one.host = first_a LEFT JOIN hosts two ON two.host = first_b
WHERE change <> 'kept' ORDER BY greatest(hosts_a, hosts_b) DESC, spki_sha256
"""

POSTURE = """
WITH pairs AS (
    SELECT service, one.starttls AS starttls_a, two.starttls AS starttls_b,
        one.version AS version_a, two.version AS version_b
    FROM places one JOIN places two USING (host, service) WHERE one.run = 0 AND two.run = 1
), said AS (
    SELECT service, 'starttls' AS what, if(starttls_a, 'offered', 'not offered') AS before,
        if(starttls_b, 'offered', 'not offered') AS after, count(*) AS hosts
    FROM pairs WHERE starttls_a IS NOT NULL AND starttls_b IS NOT NULL GROUP BY ALL
    UNION ALL
    SELECT service, 'tls_version', version_a, version_b, count(*)
    FROM pairs WHERE version_a IS NOT NULL AND version_b IS NOT NULL GROUP BY ALL
)
SELECT name AS service, what, before, after, hosts, sum(hosts) OVER (PARTITION BY service, what) AS of,
    hosts / of AS share
FROM said JOIN services USING (service) ORDER BY service, what, hosts DESC, before, after
"""


def put_changes(sides: SideBySide) -> None:
    """Hold `fates_0_1`, `fates_1_0`, `place_changes`, `address_changes` and `key_changes`."""
    put_fates(sides, 0, 1)
    put_fates(sides, 1, 0)
    sides.make("place_changes", _PLACES)
    order = ", ".join(f"'{change}'" for change in _LESS_THAN_KNOWN)
    sides.make("address_changes", _ADDRESSES.format(order=order))
    sides.make("key_changes", _KEYS)
