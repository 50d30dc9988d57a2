"""Several studies over borders: every table of `mailcensus cross`.

An address is one host, whichever studies saw it. A key crosses the border between two studies when two different
addresses show it, one in each; the same address seen by both is no link. A group is a cluster of a study by itself,
or an address that is in none.

Tables held for the queries: `supers` (host, supercluster), `groups` (run, host, grp), `border` (key), `crossing`
(run_a, run_b, key), `linked` (run_a, run_b, run, host, key).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mailcensus.analysis.comparison import SNAPSHOTS, ComparisonSpec, by_query
from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.cross_rows import BorderCountRow, BorderKeyRow, StudyLinkRow, SuperclusterRow
from mailcensus.analysis.side_by_side import SideBySide, side_by_side
from mailcensus.analysis.snapshot import Snapshot

_CROSSING = """
SELECT one.run AS run_a, two.run AS run_b, one.key
FROM run_keys one JOIN run_keys two ON one.key = two.key AND one.run < two.run
WHERE one.hosts > 1 OR two.hosts > 1 OR one.first <> two.first
"""

_BORDER_COUNTS = """
WITH mine AS (
    SELECT run, count(DISTINCT host) AS hosts, count(DISTINCT key) AS keys FROM sightings GROUP BY run
), clustered AS (SELECT run, count(DISTINCT cluster) AS clusters FROM members GROUP BY run),
over AS (
    SELECT l.run, count(DISTINCT l.host) AS hosts, count(DISTINCT l.key) AS keys,
        count(DISTINCT m.cluster) AS clusters, count(DISTINCT l.host) FILTER (m.host IS NULL) AS lone,
        count(DISTINCT run_a + run_b - l.run) AS studies
    FROM linked l LEFT JOIN members m ON m.run = l.run AND m.host = l.host GROUP BY l.run
)
SELECT label AS study, coalesce(mine.hosts, 0) AS hosts, coalesce(over.hosts, 0) AS linked_hosts,
    linked_hosts / nullif(coalesce(mine.hosts, 0), 0) AS linked_share, coalesce(clustered.clusters, 0) AS clusters,
    coalesce(over.clusters, 0) AS linked_clusters, coalesce(over.lone, 0) AS linked_lone_hosts,
    coalesce(over.studies, 0) AS linked_studies, coalesce(mine.keys, 0) AS keys, coalesce(over.keys, 0) AS border_keys
FROM labels LEFT JOIN mine USING (run) LEFT JOIN clustered USING (run) LEFT JOIN over USING (run) ORDER BY run
"""

_STUDY_LINKS = """
WITH pairs AS (SELECT one.run AS run_a, two.run AS run_b, one.label AS study_a, two.label AS study_b
               FROM labels one JOIN labels two ON one.run < two.run),
hosts AS (
    SELECT run_a, run_b, count(DISTINCT key) AS keys, count(DISTINCT host) FILTER (l.run = run_a) AS hosts_a,
        count(DISTINCT host) FILTER (l.run = run_b) AS hosts_b, count(DISTINCT grp) FILTER (l.run = run_a) AS groups_a,
        count(DISTINCT grp) FILTER (l.run = run_b) AS groups_b
    FROM linked l JOIN groups USING (run, host) GROUP BY ALL
), links AS (
    SELECT run_a, run_b, count(*) AS linked_pairs, count_if(keys = 1) AS single_links FROM group_links GROUP BY ALL
), both AS (
    SELECT one.run AS run_a, two.run AS run_b, count(*) AS addresses
    FROM (SELECT DISTINCT run, host FROM sightings) one
    JOIN (SELECT DISTINCT run, host FROM sightings) two ON one.host = two.host AND one.run < two.run GROUP BY ALL
)
SELECT study_a, study_b, {columns}, coalesce(addresses, 0) AS addresses_in_both
FROM pairs LEFT JOIN hosts USING (run_a, run_b) LEFT JOIN links USING (run_a, run_b)
LEFT JOIN "both" USING (run_a, run_b) ORDER BY run_a, run_b
""".format(
    columns=", ".join(
        f"coalesce({name}, 0) AS {name}"
        for name in ("keys", "hosts_a", "hosts_b", "groups_a", "groups_b", "linked_pairs", "single_links")
    )
).replace("), both AS", '), "both" AS')

_GROUP_LINKS = """
WITH shown AS (SELECT DISTINCT run_a, run_b, run, grp, key FROM linked JOIN groups USING (run, host))
SELECT run_a, run_b, one.grp AS group_a, two.grp AS group_b, count(*) AS keys
FROM shown one JOIN shown two USING (run_a, run_b, key)
WHERE one.run = run_a AND two.run = run_b AND (run_a, run_b, one.grp, two.grp, key) NOT IN (
    SELECT (run_a, run_b, same.a, same.b, same.key) FROM same_address same
)
GROUP BY ALL
"""

_SAME_ADDRESS = """
WITH held AS (SELECT DISTINCT run_a, run_b, run, grp, key, host FROM linked JOIN groups USING (run, host)),
counted AS (SELECT run_a, run_b, run, grp, key, count(*) AS hosts, min(host) AS first FROM held GROUP BY ALL)
SELECT run_a, run_b, one.grp AS a, two.grp AS b, key
FROM counted one JOIN counted two USING (run_a, run_b, key)
WHERE one.run = run_a AND two.run = run_b AND one.hosts = 1 AND two.hosts = 1 AND one.first = two.first
"""

_BORDER_KEYS = """
WITH by_run AS (SELECT key, run, label, hosts FROM run_keys SEMI JOIN border USING (key) JOIN labels USING (run)),
totals AS (SELECT key, count(DISTINCT host) AS hosts, min(host) AS host,
               list(DISTINCT service ORDER BY service) AS numbers
           FROM sightings SEMI JOIN border USING (key) GROUP BY key),
named AS (SELECT key, list(label ORDER BY run) AS studies, list(hosts ORDER BY run) AS hosts_by_study
          FROM by_run GROUP BY key),
services AS (SELECT key, list(DISTINCT name ORDER BY name) AS services
             FROM sightings SEMI JOIN border USING (key) JOIN main.services USING (service) GROUP BY key)
SELECT spki_sha256, studies, totals.hosts AS hosts, hosts_by_study, supercluster, algorithm, bits, services
FROM totals JOIN named USING (key) JOIN services USING (key) JOIN keys USING (key) JOIN supers USING (host)
ORDER BY len(studies) DESC, hosts DESC, spki_sha256
"""

_SUPERCLUSTERS = """
WITH seen AS (SELECT DISTINCT supercluster, run, host FROM sightings JOIN supers USING (host)),
by_run AS (SELECT supercluster, run, label, count(*) AS hosts FROM seen JOIN labels USING (run) GROUP BY ALL),
studies AS (SELECT supercluster, list(label ORDER BY run) AS studies, list(hosts ORDER BY run) AS hosts_by_study
            FROM by_run GROUP BY ALL),
hosts AS (SELECT supercluster, count(*) AS hosts, min(host) AS host FROM supers GROUP BY ALL),
parts AS (SELECT supercluster, count(DISTINCT (m.run, m.cluster)) FILTER (m.cluster IS NOT NULL) AS clusters,
              count(DISTINCT host) FILTER (m.cluster IS NULL) AS lone_hosts
          FROM seen LEFT JOIN members m USING (run, host) GROUP BY ALL),
shared_keys AS (SELECT key, min(host) AS host FROM sightings GROUP BY key HAVING count(DISTINCT host) > 1),
keys AS (SELECT supercluster, count(*) AS keys, count(border.key) AS border_keys
         FROM shared_keys JOIN supers USING (host) LEFT JOIN border USING (key) GROUP BY ALL)
SELECT supercluster, studies, len(studies) > 1 AS over_borders, hosts, hosts_by_study, clusters, lone_hosts,
    keys, border_keys, ip AS first_ip
FROM hosts JOIN studies USING (supercluster) JOIN parts USING (supercluster) JOIN keys USING (supercluster)
JOIN main.hosts named ON named.host = hosts.host ORDER BY supercluster
"""

TABLES: tuple[ComparisonSpec, ...] = (
    SNAPSHOTS,
    by_query(
        "border_counts",
        "Linked over borders",
        "One row per study. An address is linked when it shows a key that different addresses show in its study and "
        "in another one. Shares are of the addresses that show a key.",
        BorderCountRow,
        _BORDER_COUNTS,
    ),
    by_query(
        "study_links",
        "Study by study",
        "One row per pair of studies: the matrix of links. A group is a cluster of a study by itself, or a lone "
        "address.",
        StudyLinkRow,
        _STUDY_LINKS,
    ),
    by_query(
        "border_keys",
        "Keys over borders",
        "One row per key that different addresses show in two or more studies; in most studies first, then most "
        "shown.",
        BorderKeyRow,
        _BORDER_KEYS,
    ),
    by_query(
        "superclusters",
        "Superclusters",
        "Connected components over all studies together; largest first. Those within one study are here too.",
        SuperclusterRow,
        _SUPERCLUSTERS,
    ),
)


def cross(snapshots: Sequence[Snapshot]) -> tuple[dict[str, pa.Table], SideBySide]:
    """Every table of several studies, by the names of `TABLES`, and the tables they were made of."""
    sides = side_by_side(snapshots)
    labels = pa.table({"run": range(len(snapshots)), "label": [snapshot.label for snapshot in snapshots]})
    sides.connection.register("label_rows", labels)
    sides.make("labels", "SELECT * FROM label_rows")
    _put_supers(sides)
    sides.make(
        "run_keys",
        "SELECT run, key, count(DISTINCT host) AS hosts, min(host) AS first FROM sightings GROUP BY run, key",
    )
    sides.make("crossing", _CROSSING)
    sides.make("border", "SELECT DISTINCT key FROM crossing")
    sides.make(
        "linked",
        "SELECT DISTINCT run_a, run_b, run, host, key FROM crossing JOIN sightings s USING (key) "
        "WHERE s.run IN (run_a, run_b)",
    )
    sides.make(
        "groups",
        "SELECT DISTINCT run, host, coalesce(m.cluster, -1 - host) AS grp FROM sightings "
        "LEFT JOIN members m USING (run, host)",
    )
    sides.make("same_address", _SAME_ADDRESS)
    sides.make("group_links", _GROUP_LINKS)
    return {spec.name: spec.make(sides) for spec in TABLES}, sides


def _put_supers(sides: SideBySide) -> None:
    links = sides.table(
        "WITH held AS (SELECT DISTINCT host, key FROM sightings) SELECT host, key FROM held "
        "SEMI JOIN (SELECT key FROM held GROUP BY key HAVING count(*) > 1) USING (key)"
    )
    numbers = (np.asarray(links[name].to_numpy(), np.int64) for name in ("host", "key"))
    clusters = pa.array(number_clusters(*numbers), pa.int64())
    sides.connection.register("super_rows", links.append_column("supercluster", clusters))
    sides.make("supers", "SELECT DISTINCT host, supercluster FROM super_rows")
