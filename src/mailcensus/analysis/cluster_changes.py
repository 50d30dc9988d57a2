"""What became of clusters from run A (0) to run B (1).

Clusters are matched by what they have in common: a cluster of A and one of B are linked when an address is in both
or a shared key is. Linked clusters, directly or through others, make one row:

    one with one    kept, grown, shrunk, changed (some joined, some left), moved (keys in common, no address)
    one with many   split; maybe_split where B does not know what some address of A shows now: it could still be the
                    link between the parts
    many with one   merged; maybe_merged likewise
    many with many  reorganised
    one alone       died, born; unknown_after and unknown_before where addresses that are not known could still hold
                    it together: two of them, or one and an address that is known to show one of its keys
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mailcensus.analysis.components import number_clusters
from mailcensus.analysis.side_by_side import SideBySide

_PAIRS = """
WITH by_host AS (SELECT a.cluster AS cluster_a, b.cluster AS cluster_b, count(*) AS hosts_both
    FROM members a JOIN members b USING (host) WHERE a.run = 0 AND b.run = 1 GROUP BY ALL),
by_key AS (SELECT a.cluster AS cluster_a, b.cluster AS cluster_b, count(*) AS keys_both
    FROM shared a JOIN shared b USING (key) WHERE a.run = 0 AND b.run = 1 GROUP BY ALL)
SELECT cluster_a, cluster_b, coalesce(hosts_both, 0) AS hosts_both, coalesce(keys_both, 0) AS keys_both
FROM by_host FULL JOIN by_key USING (cluster_a, cluster_b)
"""

CLUSTER_PAIRS = """
WITH hosts AS (SELECT run, cluster, count(*) AS hosts FROM members GROUP BY ALL),
keys AS (SELECT run, cluster, count(*) AS keys FROM shared GROUP BY ALL)
SELECT cluster_a, cluster_b, ha.hosts AS hosts_a, hb.hosts AS hosts_b, hosts_both,
    ka.keys AS keys_a, kb.keys AS keys_b, keys_both
FROM cluster_pairs
JOIN hosts ha ON ha.run = 0 AND ha.cluster = cluster_a JOIN hosts hb ON hb.run = 1 AND hb.cluster = cluster_b
JOIN keys ka ON ka.run = 0 AND ka.cluster = cluster_a JOIN keys kb ON kb.run = 1 AND kb.cluster = cluster_b
ORDER BY cluster_a, cluster_b
"""

_HOSTS = """
WITH fates AS (
    SELECT 0 AS run, host, key, fate FROM fates_0_1 SEMI JOIN (SELECT key FROM shared WHERE run = 0) USING (key)
    UNION ALL
    SELECT 1 AS run, host, key, fate FROM fates_1_0 SEMI JOIN (SELECT key FROM shared WHERE run = 1) USING (key)
), known AS (
    SELECT f.run, f.host, bool_and(fate IN ('there', 'absent')) AS known, bool_or(s.key IS NOT NULL) AS there
    FROM fates f LEFT JOIN (SELECT DISTINCT run, host, key FROM sightings) s
        ON s.run = 1 - f.run AND s.host = f.host AND s.key = f.key GROUP BY f.run, f.host
)
SELECT part, run, host, known, there FROM members JOIN cluster_parts USING (run, cluster) JOIN known USING (run, host)
"""

_PARTS = """
WITH clusters AS (
    SELECT part, list(cluster ORDER BY cluster) FILTER (run = 0) AS a,
        list(cluster ORDER BY cluster) FILTER (run = 1) AS b
    FROM cluster_parts GROUP BY part
), hosts AS (
    SELECT part, host, bool_or(run = 0) AS a, bool_or(run = 1) AS b, bool_and(known) AS known,
        bool_or(run = 0 AND NOT known) AS unknown_b, bool_or(run = 1 AND NOT known) AS unknown_a,
        bool_or(there) AS there
    FROM part_hosts GROUP BY part, host
), host_counts AS (
    SELECT part, count_if(a) AS hosts_a, count_if(b) AS hosts_b, count_if(a AND b) AS hosts_both,
        count_if(a AND NOT b AND known) AS hosts_left, count_if(b AND NOT a AND known) AS hosts_joined,
        count_if(a <> b AND NOT known) AS hosts_unknown, count_if(unknown_a) AS unknown_a,
        count_if(unknown_b) AS unknown_b, count_if(there) AS there
    FROM hosts GROUP BY part
), key_counts AS (
    SELECT part, count_if(a) AS keys_a, count_if(b) AS keys_b, count_if(a AND b) AS keys_both FROM (
        SELECT part, key, bool_or(run = 0) AS a, bool_or(run = 1) AS b
        FROM shared JOIN cluster_parts USING (run, cluster) GROUP BY part, key
    ) GROUP BY part
)
SELECT coalesce(a, []) AS clusters_a, coalesce(b, []) AS clusters_b, host_counts.* EXCLUDE (part),
    key_counts.* EXCLUDE (part), len(clusters_a) AS many_a, len(clusters_b) AS many_b,
    unknown_a + unknown_b >= 2 OR (unknown_a + unknown_b = 1 AND there > 0) AS may_be_there,
    CASE WHEN many_b = 0 THEN if(may_be_there, 'unknown_after', 'died')
         WHEN many_a = 0 THEN if(may_be_there, 'unknown_before', 'born')
         WHEN many_a = 1 AND many_b = 1 THEN CASE
             WHEN hosts_both = 0 THEN 'moved'
             WHEN hosts_left > 0 AND hosts_joined > 0 THEN 'changed'
             WHEN hosts_joined > 0 THEN 'grown' WHEN hosts_left > 0 THEN 'shrunk' ELSE 'kept' END
         WHEN many_a = 1 THEN if(unknown_b > 0, 'maybe_split', 'split')
         WHEN many_b = 1 THEN if(unknown_a > 0, 'maybe_merged', 'merged')
         ELSE 'reorganised' END AS change,
    CASE WHEN many_a = 0 OR many_b = 0 THEN 'unlinked' WHEN many_a = 1 AND many_b = 1 THEN 'simple' ELSE 'complex' END
        AS category
FROM clusters JOIN host_counts USING (part) JOIN key_counts USING (part)
"""

CLUSTER_CHANGES = """
SELECT * FROM cluster_changes ORDER BY greatest(hosts_a, hosts_b) DESC, clusters_a, clusters_b
"""


def put_cluster_changes(sides: SideBySide) -> None:
    """Hold `cluster_pairs` and `cluster_changes`; needs `fates_0_1` and `fates_1_0`."""
    sides.make("cluster_pairs", _PAIRS)
    sides.connection.register("cluster_part_rows", _parts(sides))
    sides.make("cluster_parts", "SELECT * FROM cluster_part_rows")
    sides.make("part_hosts", _HOSTS)
    sides.make("cluster_changes", _PARTS)


def _parts(sides: SideBySide) -> pa.Table:
    """run, cluster, part: clusters of both runs that hang together have one part."""
    pairs = sides.table("SELECT cluster_a, cluster_b FROM cluster_pairs")
    a, b = (np.asarray(pairs[name].to_numpy(), np.int64) for name in ("cluster_a", "cluster_b"))
    parts = number_clusters(a, b)
    alone = sides.table(
        "SELECT DISTINCT run, cluster FROM members WHERE (run, cluster) NOT IN "
        "(SELECT (0, cluster_a) FROM cluster_pairs UNION ALL SELECT (1, cluster_b) FROM cluster_pairs)"
    )
    first = int(parts.max(initial=0)) + 1
    runs = np.concatenate([np.zeros(len(a), np.int64), np.ones(len(b), np.int64), alone["run"].to_numpy()])
    clusters = np.concatenate([a, b, alone["cluster"].to_numpy()])
    every = np.concatenate([parts, parts, np.arange(first, first + len(alone))])
    rows = np.unique(np.stack([runs, clusters, every], axis=1), axis=0)
    return pa.table({"run": rows[:, 0], "cluster": rows[:, 1], "part": rows[:, 2]})
