"""The first screen: the study's numbers as sentences and as figures with their denominators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mailcensus.report.cells import percent

SERIOUS = "hosts_with_cross_protocol_key"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with its point set strong."""

    before: str
    strong: str
    after: str
    serious: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """One number, what it is a share of, and what it counts."""

    name: str
    label: str
    value: str
    of: str
    definition: str
    serious: bool


def headlines(summary: pa.Table) -> list[Headline]:
    """Every number of the summary table, in its order."""
    return [_headline(row) for row in summary.to_pylist()]


def _headline(row: Mapping[str, Any]) -> Headline:
    value, share = row["value"], row["share"]
    of = ""
    if row["denominator"] is not None:
        name = (row["denominator_name"] or "").replace("_", " ")
        of = f"{_share(share)} of {_count(row['denominator'])} {name}"
    return Headline(
        name=row["name"],
        label=row["name"].replace("_", " "),
        value=_count(value),
        of=of,
        definition=_sentence_case(row["definition"]),
        serious=row["name"] == SERIOUS and bool(value),
    )


def _share(share: float | None) -> str:
    return "an unknown share" if share is None else percent(share)


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _sentence_case(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def lead(summary: pa.Table) -> list[Sentence]:
    """What the study found, in up to three sentences; none where there is nothing to say yet."""
    rows = {row["name"]: row for row in summary.to_pylist()}
    return [sentence for make in (_hark, _clusters, _cross) if (sentence := make(rows)) is not None]


_Rows = Mapping[str, Mapping[str, Any]]


def _hark(rows: _Rows) -> Sentence | None:
    row = rows.get("hosts_in_clusters")
    if row is None or row["share"] is None:
        return None
    return Sentence(
        "",
        f"{_count(row['value'])} of {_count(row['denominator'])} hosts",
        f" that showed a key ({percent(row['share'])}) show one that another host shows too.",
    )


def _clusters(rows: _Rows) -> Sentence | None:
    clusters, biggest = rows.get("clusters"), rows.get("biggest_cluster")
    if not clusters or not clusters["value"] or not biggest:
        return None
    return Sentence(
        "Shared keys link them into ",
        f"{_count(clusters['value'])} cluster{'' if clusters['value'] == 1 else 's'}",
        f"; the biggest has {_count(biggest['value'])} hosts.",
    )


def _cross(rows: _Rows) -> Sentence | None:
    row = rows.get(SERIOUS)
    if row is None or not row["value"]:
        return None
    hosts = "1 host uses" if row["value"] == 1 else f"{_count(row['value'])} hosts use"
    return Sentence("", f"{hosts} one key for SSH and TLS", "; this is serious.", serious=True)
