"""Two runs compared: every table of `mailcensus diff`.

Only what both runs could have seen is compared. An address that timed out, was rate limited or was not asked in one
of them is neither gone nor new: it is counted as unknown, silent or not asked, and stands in no share.
"""

from __future__ import annotations

import pyarrow as pa

from mailcensus.analysis.cluster_changes import CLUSTER_CHANGES, CLUSTER_PAIRS, put_cluster_changes
from mailcensus.analysis.comparison import SNAPSHOTS, ComparisonSpec, by_query
from mailcensus.analysis.diff_rows import (
    AddressChangeRow,
    ClusterChangeRow,
    ClusterPairRow,
    DiffSummaryRow,
    KeyChangeRow,
    OverlapRow,
    PlaceChangeRow,
    PlaceSummaryRow,
    PostureRow,
)
from mailcensus.analysis.place_changes import (
    ADDRESS_CHANGES,
    KEY_CHANGES,
    PLACE_CHANGES,
    PLACE_SUMMARY,
    POSTURE,
    put_changes,
)
from mailcensus.analysis.side_by_side import SideBySide, side_by_side
from mailcensus.analysis.snapshot import Snapshot
from mailcensus.model import schema_of

_OVERLAPS = """
WITH sets AS (
    SELECT DISTINCT 1 AS place, 'addresses with keys' AS what, run, host AS member FROM sightings
    UNION ALL SELECT 2, 'addresses in clusters', run, host FROM members
    UNION ALL SELECT DISTINCT 3, 'keys', run, key FROM sightings
    UNION ALL SELECT 4, 'shared keys', run, key FROM shared
), members AS (
    SELECT place, what, member, bool_or(run = 0) AS in_a, bool_or(run = 1) AS in_b FROM sets GROUP BY ALL
)
SELECT what, count_if(in_a) AS a, count_if(in_b) AS b, count_if(in_a AND in_b) AS in_both,
    in_both / nullif(a, 0) AS a_share, in_both / nullif(b, 0) AS b_share,
    in_both / nullif(a + b - in_both, 0) AS jaccard_share
FROM members GROUP BY place, what ORDER BY place
"""

_SUMMARY = (
    # name, table, change, whether it is a share, definition
    ("addresses_kept", "address_changes", "kept", True, "addresses that show one of their keys again"),
    ("addresses_rotated", "address_changes", "rotated", True, "addresses all of whose keys are others"),
    (
        "addresses_not_comparable",
        "address_changes",
        "not_comparable",
        False,
        "no place of theirs is known in both",
    ),
    ("addresses_gone", "address_changes", "gone", True, "showed a key in A; B knows that there is none"),
    (
        "addresses_appeared",
        "address_changes",
        "appeared",
        True,
        "show a key in B; A knew that there was none",
    ),
    (
        "addresses_unknown_after",
        "address_changes",
        "unknown_after",
        False,
        "B asked and learnt nothing: no finding",
    ),
    (
        "addresses_unknown_before",
        "address_changes",
        "unknown_before",
        False,
        "A asked and learnt nothing: no finding",
    ),
    (
        "addresses_silent_after",
        "address_changes",
        "silent_after",
        False,
        "in A only; B's discovery got no answer",
    ),
    (
        "addresses_silent_before",
        "address_changes",
        "silent_before",
        False,
        "in B only; A's discovery got no answer",
    ),
    ("addresses_not_asked_after", "address_changes", "not_asked_after", False, "not asked by B"),
    ("addresses_not_asked_before", "address_changes", "not_asked_before", False, "not asked by A"),
    ("keys_kept", "key_changes", "kept", True, "keys at an address where they were"),
    ("keys_moved", "key_changes", "moved", True, "keys at other addresses, and gone from their own"),
    (
        "keys_elsewhere",
        "key_changes",
        "elsewhere",
        True,
        "keys at other addresses; of their own B does not know",
    ),
    ("keys_gone", "key_changes", "gone", True, "keys that are nowhere, and known to be gone from each place"),
    ("keys_appeared", "key_changes", "appeared", True, "keys that are known to be new in each place"),
    (
        "keys_unknown_after",
        "key_changes",
        "unknown_after",
        False,
        "only in A, and B does not know of some place",
    ),
    (
        "keys_unknown_before",
        "key_changes",
        "unknown_before",
        False,
        "only in B, and A did not know of some place",
    ),
    ("places_kept", "place_changes", "kept", True, "services of addresses with the same key and certificate"),
    ("places_renewed", "place_changes", "renewed", True, "the same key in another certificate"),
    ("places_rotated", "place_changes", "rotated", True, "another key of the same kind"),
    (
        "places_other_kind",
        "place_changes",
        "other_kind",
        False,
        "a key of another kind: the old one may be there too",
    ),
    ("places_gone", "place_changes", "gone", True, "had a key; B knows that there is none"),
    ("places_appeared", "place_changes", "appeared", True, "have a key; A knew that there was none"),
)
_NOT_COMPARED = ("not_comparable", "other_kind")
_CLUSTER_WORDS = {
    "kept": "one with one, no address known to have joined or left",
    "grown": "one with one, addresses joined",
    "shrunk": "one with one, addresses left",
    "changed": "one with one, addresses joined and left",
    "moved": "one with one by keys, with no address in common",
    "split": "one of A, several of B",
    "maybe_split": "as split, but an address of A that B does not know may still link them",
    "merged": "several of A, one of B",
    "maybe_merged": "as merged, but an address of B that A did not know may have linked them already",
    "reorganised": "several with several",
    "died": "in A alone, and known not to share any more",
    "born": "in B alone, and known not to have shared",
    "unknown_after": "in A alone; addresses that B does not know may still share",
    "unknown_before": "in B alone; addresses that A did not know may have shared",
}


def _summary(sides: SideBySide) -> pa.Table:
    counts = {
        table: dict(
            sides.connection.execute(f"SELECT change, count(*) FROM {table} GROUP BY change").fetchall()
        )
        for table in ("address_changes", "key_changes", "place_changes", "cluster_changes")
    }
    rows = []
    for name, table, change, shares, definition in _SUMMARY:
        known = sum(n for word, n in counts[table].items() if _is_compared(word)) if shares else None
        rows.append(
            _row(name, counts[table].get(change, 0), known, f"compared {name.split('_')[0]}", definition)
        )
    every = sum(counts["cluster_changes"].values())
    for change, words in _CLUSTER_WORDS.items():
        value = counts["cluster_changes"].get(change, 0)
        rows.append(_row(f"clusters_{change}", value, every, "rows of cluster_changes", words))
    return pa.Table.from_pylist(rows, schema_of(DiffSummaryRow))


def _is_compared(change: str) -> bool:
    """Whether both runs know: nothing is said of others."""
    return not change.endswith(("_after", "_before")) and change not in _NOT_COMPARED


def _row(
    name: str, value: int, denominator: int | None, denominator_name: str, definition: str
) -> dict[str, object]:
    return {
        "name": name,
        "value": value,
        "denominator": denominator,
        "denominator_name": denominator_name if denominator is not None else None,
        "share": value / denominator if denominator else None,
        "definition": definition,
    }


TABLES: tuple[ComparisonSpec, ...] = (
    ComparisonSpec(
        "summary",
        "Summary",
        "What became of addresses, keys, places (services of addresses) and clusters. Shares are of what is known "
        "in both runs; unknown, silent and not asked stand in no share.",
        DiffSummaryRow,
        _summary,
    ),
    SNAPSHOTS,
    by_query(
        "overlaps",
        "Overlaps",
        "What both runs have, by address and by key, whoever was asked.",
        OverlapRow,
        _OVERLAPS,
    ),
    by_query(
        "cluster_changes",
        "Clusters over time",
        "One row per group of clusters that hang together by addresses or shared keys; largest first. Numbers of "
        "clusters are those of each run's own report.",
        ClusterChangeRow,
        CLUSTER_CHANGES,
    ),
    by_query(
        "cluster_pairs",
        "Clusters in common",
        "One row per cluster of A and cluster of B that have an address or a shared key in common.",
        ClusterPairRow,
        CLUSTER_PAIRS,
    ),
    by_query(
        "posture",
        "STARTTLS and TLS versions",
        "What services said before and after. Shares are of the addresses of which it is known in both runs.",
        PostureRow,
        POSTURE,
    ),
    by_query(
        "place_summary",
        "Keys by service",
        "What became of the keys of each service. Shares are of the addresses that showed a key on it in A or B.",
        PlaceSummaryRow,
        PLACE_SUMMARY,
    ),
    by_query(
        "key_changes",
        "Keys that changed",
        "One row per key that is not at an address where it was; most shown first. Kept keys are only counted.",
        KeyChangeRow,
        KEY_CHANGES,
    ),
    by_query(
        "address_changes",
        "Addresses that changed",
        "One row per address that is not kept.",
        AddressChangeRow,
        ADDRESS_CHANGES,
    ),
    by_query(
        "place_changes",
        "Places that changed",
        "One row per service of an address whose key or certificate is known to be another one.",
        PlaceChangeRow,
        PLACE_CHANGES,
    ),
)


def diff(a: Snapshot, b: Snapshot) -> dict[str, pa.Table]:
    """Every table of a comparison of two runs, by the names of `TABLES`."""
    sides = side_by_side((a, b))
    put_changes(sides)
    put_cluster_changes(sides)
    return {spec.name: spec.make(sides) for spec in TABLES}
