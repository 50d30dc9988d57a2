"""Readings: why the hosts of each shared key, and of each cluster, share what they share.

A key is read by the rules of `cause_rules`. A cluster takes the reading of its keys. Keys of one machine's own
addresses and keys that nothing tells about are left aside while there are others; keys of different readings make it
`mixed`, unless those of one reading reach at least MOST of its hosts and the others fewer than the rest of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import ibis
import numpy as np
import pyarrow as pa

from mailcensus.analysis.cause_rules import (
    HIGH_SHARE,
    MEANINGS,
    MEDIUM_SHARE,
    RULES,
    UNDECIDED,
    Reading,
    Rule,
)
from mailcensus.analysis.cluster_evidence import Facts, KeyFacts, key_facts
from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.host_notes import Codes, host_notes
from mailcensus.analysis.machines import inferred
from mailcensus.dataset.sql_text import sql_text
from mailcensus.model import Column, fields_of, schema_of

MOST = 0.9
"""Share of a cluster's hosts."""
CONFIDENCES = ("low", "medium", "high")
_READINGS = tuple(Reading)
_WORD = re.compile(r"[a-z_]+")
_FACT_NAMES = tuple(field.name for field in fields_of(Facts))

ReadingColumn = Annotated[str, Column(f"why: {', '.join(_READINGS)}")]
Confidence = Annotated[str | None, Column("high, medium or low; null: nothing tells")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCauseRow(Facts):
    """One shared key, why its hosts share it, and the facts that say so."""

    spki_sha256: Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
    cluster: Annotated[int, Column("the cluster's number; 1 is the largest")]
    reading: ReadingColumn
    confidence: Confidence
    evidence: Annotated[tuple[str, ...], Column("facts that the rule looks at, as name=value")]
    supports: Annotated[
        tuple[str, ...], Column("what speaks for the reading besides what it needs, in words")
    ]
    doubts: Annotated[tuple[str, ...], Column("what would speak for it but is not so, or not known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCauseRow:
    """One cluster, why its hosts share keys, and how sure that is."""

    cluster: Annotated[int, Column("the cluster's number; 1 is the largest")]
    reading: ReadingColumn
    confidence: Confidence
    hosts: Annotated[int, Column("hosts in the cluster")]
    machines: Annotated[int, Column("machines these are, as far as can be inferred")]
    readings: Annotated[
        tuple[str, ...],
        Column("readings of its keys as reading=hosts, most hosts first: hosts that show such a key"),
    ]
    evidence: Annotated[
        tuple[str, ...],
        Column("facts about the key that decided (of several, the one most hosts show), name=value"),
    ]
    supports: Annotated[tuple[str, ...], Column("what speaks for that key's reading, in words")]
    doubts: Annotated[tuple[str, ...], Column("what would speak for it but is not so, or not known")]
    key: Annotated[str, Column("that key: SHA-256 over its SubjectPublicKeyInfo, hex")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSummaryRow:
    """One cause: how much of all re-use it makes."""

    reading: ReadingColumn
    meaning: Annotated[str, Column("what that means")]
    clusters: Annotated[int, Column("clusters read so")]
    hosts: Annotated[int, Column("hosts in these clusters")]
    hosts_with_key: Annotated[int, Column("hosts that showed any key: the denominator of share")]
    share: Annotated[float | None, Column("hosts / hosts_with_key: this cause's part of HARK")]
    hosts_sharing: Annotated[int, Column("hosts in any cluster: the denominator of share_of_sharing")]
    share_of_sharing: Annotated[float | None, Column("hosts / hosts_sharing")]
    machines: Annotated[int, Column("machines that these hosts are")]
    keys: Annotated[int, Column("shared keys read so, in whatever clusters")]
    high: Annotated[int, Column("of the clusters: read with high confidence")]
    medium: Annotated[int, Column("of the clusters: with medium confidence")]
    low: Annotated[int, Column("of the clusters: with low confidence")]


@dataclass(frozen=True, slots=True)
class ClusterReadings:
    """Readings of clusters: cluster n is at place n - 1."""

    reading: Codes
    """Place in Reading."""
    confidence: Codes
    """Place in CONFIDENCES; negative: null."""
    deciding: Codes
    """Place of the deciding key in KeyFacts."""
    by_reading: Codes
    """Shape (clusters, readings): hosts that show a key of each reading."""


def key_causes(evidence: Evidence) -> ibis.Table:
    """Readings of shared keys.

    Returns:
        One row per shared key, most shared first.
    """
    rows = read_keys(evidence).join(evidence.keys.select("key", "spki_sha256"), "key")
    return rows.order_by(ibis.desc("hosts"), "spki_sha256")


def read_keys(evidence: Evidence) -> ibis.Table:
    """As KeyCauseRow, with `key` instead of its name, and `place` in KeyFacts."""
    return evidence.once("key_readings", lambda: _read_keys(evidence))


def _read_keys(evidence: Evidence) -> ibis.Table:
    facts = key_facts(evidence)
    table = facts.facts.append_column("key", pa.array(facts.key, pa.int32()))
    table = table.append_column("cluster", pa.array(facts.cluster))
    table = table.append_column("place", pa.array(np.arange(len(facts.key))))
    return evidence.dataset.put_query("key_readings", _reading(), table)


def _reading() -> str:
    """The first rule that fits each row, and what it says: SQL, made out of the table of rules."""
    rules = (*RULES, UNDECIDED)
    tried = "\n".join(f"WHEN {rule.needs} THEN {place}" for place, rule in enumerate(rules))
    numbered = f"SELECT *, CASE {tried} END AS rule FROM key_readings_rows"

    def by_rule(expressions: list[str]) -> str:
        return "CASE rule " + " ".join(f"WHEN {n} THEN {text}" for n, text in enumerate(expressions)) + " END"

    return f"""
        WITH numbered AS ({numbered})
        SELECT * EXCLUDE (rule),
            {by_rule([f"'{rule.reading}'" for rule in rules])} AS reading,
            {by_rule([_confidence(rule) for rule in rules])} AS confidence,
            {by_rule([_facts_of(rule) for rule in rules])} AS evidence,
            {by_rule([_words(rule, "IS TRUE") for rule in rules])} AS supports,
            {by_rule([_words(rule, "IS NOT TRUE") for rule in rules])} AS doubts
        FROM numbered
    """


def _confidence(rule: Rule) -> str:
    if not rule.supports:
        return "NULL"
    held = " + ".join(f"COALESCE(({condition})::INT, 0)" for condition, _ in rule.supports)
    count = len(rule.supports)
    return (
        f"CASE WHEN {held} >= {HIGH_SHARE * count} THEN 'high' WHEN {held} >= {MEDIUM_SHARE * count} THEN 'medium'"
        " ELSE 'low' END"
    )


def _facts_of(rule: Rule) -> str:
    text = " ".join((rule.needs, *(condition for condition, _ in rule.supports)))
    words = dict.fromkeys(("hosts", *_WORD.findall(text)))
    shown = [f"'{word}=' || {word}" for word in words if word in _FACT_NAMES]
    return f"[{', '.join(shown)}]"


def _words(rule: Rule, holds: str) -> str:
    if not rule.supports:
        return "[]::VARCHAR[]"
    each = [
        f"CASE WHEN ({condition}) {holds} THEN {sql_text(words)} END" for condition, words in rule.supports
    ]
    return f"list_filter([{', '.join(each)}], lambda words: words IS NOT NULL)"


def cluster_causes(evidence: Evidence) -> ibis.Table:
    """Readings of clusters.

    Returns:
        One row per cluster, by number.
    """
    found = cluster_readings(evidence)
    clusters = len(found.reading)
    sizes, machines = _sizes(evidence, clusters)
    table = pa.table(
        {
            "cluster": pa.array(np.arange(1, clusters + 1)),
            "reading": pa.array(np.array(_READINGS, object)[found.reading], pa.string()),
            "confidence": _confidence_names(found.confidence),
            "hosts": pa.array(sizes),
            "machines": pa.array(machines),
            "readings": pa.array([_counts(row) for row in found.by_reading.tolist()], pa.list_(pa.string())),
            "place": pa.array(found.deciding),
        }
    )
    held = evidence.dataset.put("cluster_readings", table)
    keys = read_keys(evidence).select("place", "evidence", "supports", "doubts", "key")
    names = evidence.keys.select("key", "spki_sha256")
    rows = held.join(keys, "place").join(names, "key").drop("key")
    return rows.rename(key="spki_sha256").order_by("cluster")


def cause_summary(evidence: Evidence) -> ibis.Table:
    """HARK by cause, hosts counted by the reading of their cluster.

    Returns:
        One row per reading, in the order of Reading, those that do not occur too.
    """
    found = cluster_readings(evidence)
    sizes, machines = _sizes(evidence, len(found.reading))
    of_keys = read_keys(evidence).group_by("reading").agg(keys=ibis._.count()).to_pyarrow().to_pylist()
    keys = {row["reading"]: row["keys"] for row in of_keys}
    with_key = int(evidence.showing_hosts.count().to_pyarrow().as_py())
    sharing = int(sizes.sum())
    rows = []
    for place, reading in enumerate(_READINGS):
        here = found.reading == place
        hosts = int(sizes[here].sum())
        sure = np.bincount(
            found.confidence[here & (found.confidence >= 0)], minlength=len(CONFIDENCES)
        ).tolist()
        rows.append(
            {
                "reading": str(reading), "meaning": MEANINGS[reading],
                "clusters": int(here.sum()), "hosts": hosts,
                "hosts_with_key": with_key, "share": hosts / with_key if with_key else None,
                "hosts_sharing": sharing, "share_of_sharing": hosts / sharing if sharing else None,
                "machines": int(machines[here].sum()), "keys": keys.get(str(reading), 0),
                **dict(zip(CONFIDENCES, sure, strict=True)),
            }
        )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=schema_of(CauseSummaryRow))
    places = pa.array(np.arange(len(rows)))
    return evidence.dataset.put("cause_summary", table.append_column("place", places)).order_by("place")


def cluster_readings(evidence: Evidence) -> ClusterReadings:
    """Readings of all clusters."""
    return evidence.once("cluster_readings", lambda: _cluster_readings(evidence))


def _cluster_readings(evidence: Evidence) -> ClusterReadings:
    facts = key_facts(evidence)
    read = (
        read_keys(evidence).select("place", "reading", "confidence", "hosts").order_by("place").to_pyarrow()
    )
    reading = _places(read["reading"], _READINGS)
    confidence = _places(read["confidence"], CONFIDENCES)
    hosts = np.asarray(read["hosts"].to_numpy(), np.int64)
    by_reading = _hosts_by_reading(facts, reading)
    chosen = _chosen(by_reading, _sizes(evidence, len(by_reading))[0])
    deciding = _deciding(facts, reading, hosts, chosen)
    sure = confidence[deciding]
    return ClusterReadings(
        chosen, np.where(chosen == _READINGS.index(Reading.UNKNOWN), -1, sure), deciding, by_reading
    )


def _hosts_by_reading(facts: KeyFacts, reading: Codes) -> Codes:
    """Shape (clusters, readings): how many hosts of a cluster show a key of a reading."""
    clusters, readings = int(facts.cluster.max(initial=0)), len(_READINGS)
    cell = (facts.cluster[facts.member_key] - 1) * readings + reading[facts.member_key]
    width = int(facts.member.max(initial=0)) + 1
    once = np.unique(cell * width + facts.member) // width
    return np.bincount(once, minlength=clusters * readings).reshape(clusters, readings)


def _chosen(by_reading: Codes, sizes: Codes) -> Codes:
    """The reading of each cluster, out of the readings of its keys."""
    unknown, machine = _READINGS.index(Reading.UNKNOWN), _READINGS.index(Reading.ONE_MACHINE)
    telling = by_reading.copy()
    telling[:, [unknown, machine]] = 0
    different = (telling > 0).sum(axis=1)
    top = telling.argmax(axis=1) if telling.size else np.zeros(len(sizes), np.int64)
    most = np.take_along_axis(telling, top[:, None], axis=1)[:, 0] if telling.size else top
    others = telling.sum(axis=1) - most
    clear = (different == 1) | ((most >= MOST * sizes) & (others <= (1 - MOST) * sizes))
    mixed = np.where(clear, top, _READINGS.index(Reading.MIXED))
    # Where the telling keys reach fewer than half of the hosts, the rest is still untold.
    untold = np.where(by_reading[:, unknown] > 0, unknown, machine)
    alone = (different == 0) | ((different == 1) & (most * 2 < sizes) & (by_reading[:, unknown] > most))
    return np.asarray(np.where(alone, untold, mixed))


def _deciding(facts: KeyFacts, reading: Codes, hosts: Codes, chosen: Codes) -> Codes:
    """Per cluster the key of its reading that most hosts show; of mixed ones the key that most hosts show."""
    fits = reading == chosen[facts.cluster - 1]
    order = np.lexsort((facts.key, -hosts, ~fits, facts.cluster))
    _, first = np.unique(facts.cluster[order], return_index=True)
    return np.asarray(order[first])


def _sizes(evidence: Evidence, clusters: int) -> tuple[Codes, Codes]:
    """Hosts and machines of each cluster."""
    facts, machine = key_facts(evidence), inferred(evidence).machine
    cluster = np.zeros(len(host_notes(evidence).host), np.int64)
    cluster[facts.member] = facts.cluster[facts.member_key] - 1
    hosts = np.bincount(cluster, minlength=clusters)[:clusters]
    _, first = np.unique(machine, return_index=True)
    return hosts, np.bincount(cluster[first], minlength=clusters)[:clusters]


def _counts(row: list[int]) -> list[str]:
    found = [(-hosts, place) for place, hosts in enumerate(row) if hosts]
    return [f"{_READINGS[place]}={-hosts}" for hosts, place in sorted(found)]


def _places(texts: pa.ChunkedArray, names: tuple[str, ...]) -> Codes:
    """Places of texts among names; -1 for null."""
    number = {str(name): place for place, name in enumerate(names)}
    coded = texts.combine_chunks().dictionary_encode()
    places = np.array([number[text] for text in coded.dictionary.to_pylist()] + [-1], np.int64)
    indices = coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False)
    return np.asarray(places[indices])


def _confidence_names(places: Codes) -> pa.Array:
    return pa.array([CONFIDENCES[place] if place >= 0 else None for place in places.tolist()], pa.string())
