"""Weak and known keys among those that were shown, by finding and key by key.

Only keys that were looked at (`key_checks`) are in denominators. A finding that nothing looked for is null, not zero:
without badkeys' list nobody knows which keys are on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import ibis
import numpy as np
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.masks import named
from mailcensus.dataset.tables import Dataset
from mailcensus.facts.key_flaws import BETWEEN_KEYS, CHECK_STAGE, MEANINGS, NO_BLOCKLIST, Flaw, Severity
from mailcensus.model import Column, schema_of

_FLAWS = tuple(MEANINGS)
_SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFindingRow:
    """One kind of finding, and how many keys and hosts it concerns."""

    finding: Annotated[str, Column("what it is")]
    severity: Annotated[str, Column(f"how bad that is: {', '.join(_SEVERITIES)}")]
    meaning: Annotated[str, Column("what that means")]
    keys: Annotated[
        int | None, Column("different keys shown of which that is so; null: nothing looked for it")
    ]
    keys_checked: Annotated[int, Column("different keys shown that were looked at: the denominator")]
    share: Annotated[float | None, Column("keys / keys_checked")]
    hosts: Annotated[int | None, Column("hosts that show such a key")]
    hosts_checked: Annotated[int, Column("hosts that show any key that was looked at: the denominator")]
    share_of_hosts: Annotated[float | None, Column("hosts / hosts_checked")]
    services: Annotated[tuple[str, ...] | None, Column("services on which they do")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeakKeyRow:
    """One key against which something is known."""

    spki_sha256: Annotated[str, Column("canonical key: SHA-256 over its SubjectPublicKeyInfo, hex")]
    severity: Annotated[str, Column("of the worst finding")]
    findings: Annotated[tuple[str, ...], Column("what is known against it, worst first")]
    evidence: Annotated[tuple[str, ...], Column("each finding with its detail and who says so")]
    keys_sharing: Annotated[
        int | None,
        Column("keys of the dataset that have a factor or modulus in common with it, itself included"),
    ]
    factors: Annotated[
        tuple[str, ...], Column("names (SHA-256) of factors in common: keys with the same one share it")
    ]
    algorithm: Annotated[str, Column("kind of key")]
    bits: Annotated[int | None, Column("key size in bits")]
    hosts: Annotated[int, Column("hosts that show it")]
    services: Annotated[tuple[str, ...], Column("services on which they do")]
    cluster: Annotated[int | None, Column("the cluster it makes; null: one host shows it")]


def key_findings(evidence: Evidence) -> ibis.Table:
    """Findings, worst first, those that no key has too.

    Returns:
        One row per finding; none where no key was looked at.
    """
    checked = checked_counts(evidence)
    found = _counts(evidence)
    asked = _looked_for(evidence.dataset)
    rows = []
    for place, flaw in enumerate(_FLAWS if checked.keys else ()):
        own = found.get(place, {"keys": 0, "hosts": 0, "mask": 0})
        keys, hosts = (own["keys"], own["hosts"]) if flaw in asked or own["keys"] else (None, None)
        rows.append(
            {
                "place": place, "finding": str(flaw), "severity": str(MEANINGS[flaw].severity),
                "meaning": MEANINGS[flaw].text,
                "keys": keys, "keys_checked": checked.keys, "share": _share(keys, checked.keys),
                "hosts": hosts, "hosts_checked": checked.hosts, "share_of_hosts": _share(hosts, checked.hosts),
                "services": None if keys is None else _services(evidence, own["mask"]),
            }
        )  # fmt: skip
    schema = schema_of(KeyFindingRow).insert(0, pa.field("place", pa.int64()))
    table = pa.Table.from_pylist(rows, schema=schema)
    return evidence.dataset.put("key_finding_rows", table).order_by("place")


def weak_keys(evidence: Evidence) -> ibis.Table:
    """Keys with a finding.

    Returns:
        One row per key, worst first, then most shown.
    """
    found = _found(evidence)
    per_key = found.group_by("key").agg(
        place=found.place.min(),
        evidence=found.said.collect(order_by=[found.place, found.said]),
        keys_sharing=found.keys_sharing.max().cast("int64"),
        factors=found.factor_sha256.collect(distinct=True).sort(),
    )
    kinds = found.select("key", "place", "finding").distinct()
    per_key = per_key.join(
        kinds.group_by("key").agg(findings=kinds.finding.collect(order_by=kinds.place)), "key"
    )
    none = ibis.literal([], "array<string>")
    rows = per_key.join(evidence.shown_keys, "key").join(evidence.keys, "key")
    rows = rows.left_join(evidence.cluster_keys.select("key", "cluster"), "key")
    rows = rows.mutate(severity=_severity(rows.place), factors=rows.factors.fill_null(none))
    table = evidence.dataset.put("weak_key_rows", rows.drop("key_right"))
    return named(table, evidence.services).order_by("place", ibis.desc("hosts"), "spki_sha256")


@dataclass(frozen=True, slots=True)
class CheckedCounts:
    """Denominators: keys shown that were looked at, and hosts that show any."""

    keys: int
    hosts: int


def checked_counts(evidence: Evidence) -> CheckedCounts:
    """How many keys shown in the run were looked at."""
    return evidence.once("checked_counts", lambda: _checked_counts(evidence))


def severe(evidence: Evidence, severity: Severity) -> dict[str, int | None]:
    """Keys shown, and hosts showing them, with a finding of this severity: keys, hosts; null: none was looked at."""
    if not checked_counts(evidence).keys:
        return {"keys": None, "hosts": None}
    found = _found(evidence)
    own = found.filter(_severity(found.place) == str(severity)).select("key").distinct()
    showings = evidence.showings.semi_join(own, "key")
    counts = showings.aggregate(keys=showings.key.nunique(), hosts=showings.host.nunique())
    row: dict[str, int | None] = counts.to_pyarrow().to_pylist()[0]
    return row


def keys_with(evidence: Evidence, flaw: Flaw) -> list[int]:
    """Numbers of the keys shown of which a finding is true."""
    found = _found(evidence)
    keys: list[int] = found.filter(found.finding == str(flaw)).key.to_pyarrow().to_pylist()
    return keys


def _found(evidence: Evidence) -> ibis.Table:
    """One row per finding about a key shown: key, place (in MEANINGS), finding, said, factor_sha256, keys_sharing."""
    return evidence.once("found_flaws", lambda: evidence.dataset.put("found_flaws", _findings(evidence)))


def _findings(evidence: Evidence) -> ibis.Table:
    kinds = pa.table({"place": np.arange(len(_FLAWS)), "finding": [str(flaw) for flaw in _FLAWS]})
    rows = evidence.dataset.table("key_findings").join(evidence.dataset.put("flaws", kinds), "finding")
    rows = rows.join(evidence.keys.select("key", "spki_sha256"), "spki_sha256")
    detail = rows.detail.isnull().ifelse("", ibis.literal(": ") + rows.detail)
    rows = rows.mutate(said=rows.finding + detail + " (" + rows.source + ")")
    return rows.semi_join(evidence.shown_keys, "key").select(
        "key", "place", "finding", "said", "factor_sha256", "keys_sharing"
    )


def _counts(evidence: Evidence) -> dict[int, dict[str, int]]:
    found = _found(evidence).select("place", "key").distinct()
    shown = found.join(evidence.showings, "key")
    counts = shown.group_by("place").agg(
        keys=shown.key.nunique(), hosts=shown.host.nunique(), mask=shown["mask"].bit_or()
    )
    return {row["place"]: row for row in counts.to_pyarrow().to_pylist()}


def _checked_counts(evidence: Evidence) -> CheckedCounts:
    checks = evidence.dataset.table("key_checks").select("spki_sha256").distinct()
    keys = evidence.keys.select("key", "spki_sha256").semi_join(checks, "spki_sha256")
    shown = evidence.showings.semi_join(keys, "key")
    row = shown.aggregate(keys=shown.key.nunique(), hosts=shown.host.nunique()).to_pyarrow().to_pylist()[0]
    return CheckedCounts(row["keys"], row["hosts"])


def _looked_for(dataset: Dataset) -> set[Flaw]:
    """The findings that the stage looked for, when it last ended."""
    flaws = set(_FLAWS)
    checks = dataset.table("key_checks")
    if bool(checks.checked_with.contains(NO_BLOCKLIST).any().to_pyarrow().as_py()):
        flaws.discard(Flaw.BLOCKLISTED)
    if not _had_batch_gcd(dataset):
        flaws -= set(BETWEEN_KEYS)
    return flaws


def _had_batch_gcd(dataset: Dataset) -> bool:
    runs = dataset.table("runs")
    stages = runs.filter(runs.stage == CHECK_STAGE)
    last: str | None = stages.settings_json.argmax(stages.ended_at).to_pyarrow().as_py()
    settings: dict[str, Any] = json.loads(last) if last else {}
    return bool(settings.get("facts", {}).get("batch_gcd"))


def _services(evidence: Evidence, mask: int) -> list[str]:
    rows = evidence.services.select("service", "bit").order_by("bit").to_pyarrow().to_pylist()
    return [row["service"] for row in rows if row["bit"] & mask]


def _severity(place: ibis.Value) -> ibis.Value:
    by_place = [(place == number, str(MEANINGS[flaw].severity)) for number, flaw in enumerate(_FLAWS)]
    return ibis.cases(*by_place)


def _share(part: int | None, whole: int) -> float | None:
    return part / whole if part is not None and whole else None
