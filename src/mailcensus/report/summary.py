"""The first screen: the study's numbers as sentences and as figures with their denominators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mailcensus.report.cells import percent

_SERIOUS = "hosts_cross_protocol"
_FEATURED = {
    "addresses_asked": "addresses asked",
    "hits": "addresses that answered",
    "hits_estimated": "would have answered of all",
    "excluded_later": "addresses excluded after they were asked",
    "hosts_with_key": "hosts showing a key",
    "hosts_sharing": "hosts sharing a key (HARK)",
    "clusters": "clusters",
    "biggest_cluster": "hosts in the biggest cluster",
    "keys": "different keys",
    "keys_shared": "keys shared by hosts",
    "hosts_reusing": "hosts with one key on several services",
    "hosts_cross_protocol": "hosts with one key for SSH and TLS",
    "keys_cross_protocol": "keys used by SSH and by TLS",
    "keys_compromised": "keys whose private half anybody can have",
}
"""Numbers of the first screen and what they are called there; the CSV file has the others too."""
_OF_SAMPLES = "hits_estimated"
_DENOMINATORS = {
    **_FEATURED,
    "sampled_from": "addresses that may be asked",
    "hosts_connected": "hosts that took a connection",
    "hosts_ssh_and_tls": "hosts showing keys by SSH and by TLS",
    "hosts_sharing": "hosts sharing a key",
    "keys_checked": "keys looked over",
}


_Rows = Mapping[str, Mapping[str, Any]]


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
    """The featured numbers of the summary table."""
    rows = {row["name"]: row for row in summary.to_pylist()}
    return [
        _headline(row, _interval(rows) if name == _OF_SAMPLES else "")
        for name in _FEATURED
        if (row := rows.get(name)) is not None and (name != _OF_SAMPLES or row["value"] is not None)
    ]


def _interval(rows: _Rows) -> str:
    low, high = (_count(rows[f"{_OF_SAMPLES}_{end}"]["value"]) for end in ("low", "high"))
    return f", 95 % interval {low} to {high}"


def _headline(row: Mapping[str, Any], more: str) -> Headline:
    value, share = row["value"], row["share"]
    of = ""
    if row["denominator"] is not None:
        name = _DENOMINATORS.get(row["denominator_name"], row["denominator_name"])
        part = "" if share is None else f"{percent(share)} "
        of = f"{part}of {_count(row['denominator'])} {name}"
    return Headline(
        name=row["name"],
        label=_FEATURED[row["name"]],
        value=_count(value),
        of=of + more,
        definition=_sentence_case(row["definition"]),
        serious=row["name"] in (_SERIOUS, "keys_cross_protocol", "keys_compromised") and bool(value),
    )


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _sentence_case(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def lead(summary: pa.Table) -> list[Sentence]:
    """What the study found, in up to three sentences; none where there is nothing to say yet."""
    rows = {row["name"]: row for row in summary.to_pylist()}
    return [sentence for make in (_hark, _clusters, _cross) if (sentence := make(rows)) is not None]


def _hark(rows: _Rows) -> Sentence | None:
    row = rows.get("hosts_sharing")
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
    row = rows.get(_SERIOUS)
    if row is None or not row["value"]:
        return None
    hosts = "1 host uses" if row["value"] == 1 else f"{_count(row['value'])} hosts use"
    return Sentence("", f"{hosts} one key for SSH and TLS", "; this is serious.", serious=True)
