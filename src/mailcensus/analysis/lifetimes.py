"""How long keys stay: first and last seen over many runs, and a survival curve.

A life is a key in a place (a service of an address), from the first run that saw it there. It ends in the first run
after its last sighting that knows that it is gone (`fates`); where none does, it is censored at its last sighting:
nobody knows how long it went on. Ages count from the first sighting, so a key that was there before the first run is
younger in this table than it is. Runs are points in time (their ends): a life that ended between two runs is counted
as ended in the second one.

Survival is estimated after Kaplan and Meier (Journal of the American Statistical Association 53, 1958): the product,
over the days on which lives ended, of the share of those followed so long that did not end. Who is censored on a day
was at risk on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from mailcensus.analysis.comparison import SNAPSHOTS, ComparisonSpec, by_query
from mailcensus.analysis.lifetime_rows import KeyLifetimeRow, RenewalRow, SurvivalRow
from mailcensus.analysis.side_by_side import SideBySide, side_by_side
from mailcensus.analysis.snapshot import Snapshot
from mailcensus.model import schema_of

_LIVES = """
WITH seen AS (
    SELECT host, service, key, kind, min(run) AS first, max(run) AS last FROM sightings GROUP BY ALL
), gone AS (
    SELECT seen.host, seen.service, seen.key, min(p.run) AS run
    FROM seen JOIN places p ON p.host = seen.host AND p.service = seen.service AND p.run > seen.last
    LEFT JOIN (SELECT DISTINCT run, host, service FROM sightings) other
        ON other.run = p.run AND other.host = p.host AND other.service = p.service
    LEFT JOIN (SELECT DISTINCT run, host, service, kind FROM sightings) alike
        ON alike.run = p.run AND alike.host = p.host AND alike.service = p.service AND alike.kind = seen.kind
    WHERE alike.run IS NOT NULL OR (p.keyless AND other.run IS NULL)
    GROUP BY ALL
)
SELECT seen.*, gone.run AS gone FROM seen LEFT JOIN gone USING (host, service, key)
"""

_KEY_LIFETIMES = """
WITH seen AS (SELECT key, count(DISTINCT run) AS runs, count(DISTINCT host) AS hosts FROM sightings GROUP BY key),
lives AS (SELECT key, min(first) AS first, max(last) AS last, bool_and(gone IS NOT NULL) AS ended
          FROM lives GROUP BY key)
SELECT spki_sha256, one.ended_at AS first_seen_at, two.ended_at AS last_seen_at, runs AS runs_seen, hosts,
    ended, algorithm, bits
FROM lives JOIN seen USING (key) JOIN keys USING (key)
JOIN times one ON one.run = first JOIN times two ON two.run = last
ORDER BY first, last DESC, hosts DESC, spki_sha256
"""

_RENEWALS = """
WITH certified AS (SELECT run, host, service, key, certificate FROM shown WHERE certificate IS NOT NULL),
pairs AS (
    SELECT one.run AS run, bool_or(one.certificate = two.certificate) AS certificate, bool_or(one.key = two.key) AS key
    FROM certified one JOIN certified two
        ON one.host = two.host AND one.service = two.service AND two.run = one.run + 1
    GROUP BY one.run, one.host, one.service
)
SELECT a.run_id AS run_a, b.run_id AS run_b, count(pairs.run) AS places,
    coalesce(count_if(certificate), 0) AS same_certificate,
    coalesce(count_if(key AND NOT certificate), 0) AS same_key,
    coalesce(count_if(NOT key AND NOT certificate), 0) AS other_key,
    same_key / nullif(same_key + other_key, 0) AS same_key_share
FROM times a JOIN times b ON b.run = a.run + 1 LEFT JOIN pairs ON pairs.run = a.run
GROUP BY a.run, a.run_id, b.run_id ORDER BY a.run
"""

_DURATIONS = """
SELECT epoch(coalesce(three.ended_at, two.ended_at) - one.ended_at) / 86400 AS days, gone IS NOT NULL AS ended,
    count(*) AS lives
FROM lives JOIN times one ON one.run = first JOIN times two ON two.run = last
LEFT JOIN times three ON three.run = gone GROUP BY ALL
"""


def kaplan_meier(durations: Iterable[tuple[float, bool, int]]) -> list[dict[str, float]]:
    """The survival curve of lives.

    Args:
        durations: days followed, whether the life ended then (else: censored), how many such lives.
    Returns:
        One row per different number of days, as `SurvivalRow`.
    """
    ended: dict[float, int] = {}
    censored: dict[float, int] = {}
    for days, is_end, lives in durations:
        which = ended if is_end else censored
        which[days] = which.get(days, 0) + lives
    at_risk, survival = sum(ended.values()) + sum(censored.values()), 1.0
    rows = []
    for days in sorted(ended.keys() | censored.keys()):
        ends, losses = ended.get(days, 0), censored.get(days, 0)
        survival *= 1 - ends / at_risk
        rows.append(
            {"days": days, "at_risk": at_risk, "ended": ends, "censored": losses, "survival_share": survival}
        )
        at_risk -= ends + losses
    return rows


def _survival(sides: SideBySide) -> pa.Table:
    rows = sides.table(_DURATIONS).to_pylist()
    curve = kaplan_meier((row["days"], row["ended"], row["lives"]) for row in rows)
    return pa.Table.from_pylist(curve, schema_of(SurvivalRow))


TABLES: tuple[ComparisonSpec, ...] = (
    SNAPSHOTS,
    ComparisonSpec(
        "survival",
        "How long keys stay in their place",
        "Kaplan-Meier estimate over keys in places (services of addresses), from the first run that saw them there. "
        "Where later runs do not know what became of a key, it counts as followed until its last sighting.",
        SurvivalRow,
        _survival,
    ),
    by_query(
        "renewals",
        "Certificates renewed with the same key",
        "One row per run and the next. Shares are of the certificates that were replaced.",
        RenewalRow,
        _RENEWALS,
    ),
    by_query(
        "key_lifetimes",
        "Keys, first and last seen",
        "One row per key, over all addresses; those seen first come first.",
        KeyLifetimeRow,
        _KEY_LIFETIMES,
    ),
)


def lifetimes(snapshots: Sequence[Snapshot]) -> dict[str, pa.Table]:
    """Every table of the runs, which are put in order of time, by the names of `TABLES`."""
    ordered = sorted(snapshots, key=lambda snapshot: snapshot.ended_at)
    sides = side_by_side(ordered)
    times = pa.table(
        {
            "run": range(len(ordered)),
            "run_id": [snapshot.run_id for snapshot in ordered],
            "ended_at": [snapshot.ended_at for snapshot in ordered],
        }
    )
    sides.connection.register("time_rows", times)
    sides.make("times", "SELECT * FROM time_rows")
    sides.make("lives", _LIVES)
    return {spec.name: spec.make(sides) for spec in TABLES}
