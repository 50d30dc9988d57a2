"""What a run sent to whom, out of its ledger, and whom it left out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.dataset.tables import of_run
from mailcensus.model import Column, schema_of
from mailcensus.population.exclusion_list import NO_REASON

TOP = 1_000
"""Networks and systems in the tables; the dataset has them all."""

Attempts = Annotated[int, Column("connections begun (SYN packets of zmap and masscan)")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHourRow:
    """One hour of the run."""

    hour: Annotated[datetime, Column("beginning of the hour, UTC")]
    attempts: Attempts
    networks: Annotated[int, Column("/24s and /48s they went to")]
    per_s: Annotated[float, Column("attempts / 3600; an hour that was not full has a low one")]
    peak_per_s: Annotated[int, Column("most within one second of the clock")]
    peak_open: Annotated[int, Column("most connections open at once")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerNetworkRow:
    """One network."""

    network: Annotated[str, Column("/24 or /48")]
    asn: Annotated[int | None, Column("its autonomous system; null: not known")]
    attempts: Attempts
    hours: Annotated[int, Column("hours in which it was sent any")]
    most_in_hour: Annotated[int, Column("most within one of these hours")]
    peak_per_s: Annotated[int, Column("most within one second of the clock")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSystemRow:
    """One autonomous system."""

    asn: Annotated[int | None, Column("its number; null: networks whose system is not known")]
    attempts: Attempts
    share: Annotated[float, Column("attempts / those of the run")]
    networks: Annotated[int, Column("/24s and /48s they went to")]
    most_in_hour: Annotated[int, Column("most within one hour")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPeakRow:
    """One of the run's peaks, beside what the study allows."""

    name: Annotated[str, Column("per_s, network_per_s, as_per_s, open")]
    peak: Annotated[int | None, Column("the most there was; null: not known")]
    allowed: Annotated[float | None, Column("what study.toml allows; null: it sets no limit")]
    at: Annotated[datetime | None, Column("that second, or the beginning of that hour")]
    definition: Annotated[str, Column("what it is the most of")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRow:
    """Exclusions of one file and kind. Whom they name stands in the file alone."""

    file: Annotated[str, Column("name of the exclusion file")]
    kind: Annotated[str, Column("prefix, as, country or domain")]
    entries: Annotated[int, Column("lines of the kind")]
    with_reason: Annotated[int, Column("of these: say why")]
    first: Annotated[str, Column("oldest date of an entry, ISO 8601")]
    last: Annotated[str, Column("newest date of an entry, ISO 8601")]
    addresses: Annotated[
        int | None,
        Column("addresses of the population they cover, each counted for its first entry; null: not known"),
    ]
    refused: Annotated[int, Column("connections they stopped, since they came after the population was made")]


def ledger_hours(evidence: Evidence) -> ibis.Table:
    """One row per hour, ascending."""
    peaks, sent = _of(evidence, "politeness_peaks"), _of(evidence, "politeness")
    hours = peaks.group_by("hour").agg(
        attempts=peaks.attempts.sum(), peak_per_s=peaks.peak_per_s.max(), peak_open=peaks.peak_open.max()
    )
    networks = sent.group_by("hour").agg(networks=sent.network.nunique())
    rows = hours.left_join(networks, "hour")
    return rows.mutate(networks=rows.networks.fill_null(0), per_s=rows.attempts / 3600.0).order_by("hour")


def ledger_networks(evidence: Evidence) -> ibis.Table:
    """One row per network, most attempts first; those that have been excluded since are not among them."""
    by_hour = _networks_by_hour(evidence)
    hidden = pa.table({"network": pa.array(sorted(evidence.dataset.left_out_networks), pa.string())})
    shown = by_hour.anti_join(evidence.dataset.put("hidden_networks", hidden), "network")
    rows = shown.group_by("network").agg(
        asn=shown.asn.max(),
        attempts=shown.attempts.sum(),
        hours=shown.count(),
        most_in_hour=shown.attempts.max(),
        peak_per_s=shown.peak_per_s.max(),
    )
    return rows.order_by(ibis.desc("attempts"), "network").limit(TOP)


def ledger_systems(evidence: Evidence) -> ibis.Table:
    """One row per system, most attempts first; none where no system is known."""
    sent = _networks_by_hour(evidence)
    hours = sent.group_by("asn", "hour").agg(attempts=sent.attempts.sum())
    most = hours.group_by("asn").agg(most_in_hour=hours.attempts.max())
    rows = sent.group_by("asn").agg(attempts=sent.attempts.sum(), networks=sent.network.nunique())
    rows = rows.join(most, rows.asn.identical_to(most.asn)).drop("asn_right")
    rows = rows.mutate(share=rows.attempts / rows.attempts.sum().over())
    any_known = sent.asn.notnull().any().to_pyarrow().as_py()
    rows = rows.filter(ibis.literal(bool(any_known)))
    return rows.order_by(ibis.desc("attempts"), ibis.asc("asn", nulls_first=False)).limit(TOP)


def ledger_peaks(evidence: Evidence) -> ibis.Table:
    """The run's peaks; none where nothing was counted."""
    peaks = _of(evidence, "politeness_peaks").to_pyarrow().to_pylist()
    sent = _of(evidence, "politeness")
    networks = sent.order_by(ibis.desc("peak_per_s"), "hour").limit(1).to_pyarrow().to_pylist()
    allowed = _allowed(evidence)
    rows = [
        _peak(
            name, networks if name == "network_per_s" else peaks, column, at, allowed.get(setting), definition
        )
        for name, column, at, setting, definition in _PEAKS
    ]
    found = [asdict(row) for row in rows] if peaks else []
    return evidence.dataset.put(
        "ledger_peak_rows", pa.Table.from_pylist(found, schema=schema_of(LedgerPeakRow))
    )


def exclusions(evidence: Evidence) -> ibis.Table:
    """One row per file and kind of exclusion."""
    written = _of(evidence, "exclusions")
    entries = written.group_by("file", "kind", "entry").agg(
        reason=written.reason.argmax(written.written_at),
        since=written.since.argmax(written.written_at),
        addresses=written.addresses.max(),
        refused=written.refused.sum(),
    )
    return (
        entries.group_by("file", "kind")
        .agg(
            entries=entries.count(),
            with_reason=(entries.reason != NO_REASON).sum(),
            first=entries.since.min().cast("string"),
            last=entries.since.max().cast("string"),
            addresses=entries.addresses.sum(),
            refused=entries.refused.sum(),
        )
        .order_by("file", "kind")
    )


_PEAKS = (
    # name            column          at         setting                     the most of what
    ("per_s",         "peak_per_s",    "peak_at", "connections_per_s",        "connections begun in a second"),
    ("network_per_s", "peak_per_s",    "hour",    "prefix_connections_per_s", "the same, to one /24 or /48"),
    ("as_per_s",      "peak_as_per_s", "hour",    "as_connections_per_s",     "the same, to one autonomous system"),
    ("open",          "peak_open",     "hour",    "in_flight",                "connections open at once"),
)  # fmt: skip


def _of(evidence: Evidence, table: str) -> ibis.Table:
    return of_run(evidence.dataset.table(table), evidence.run_id)


def _networks_by_hour(evidence: Evidence) -> ibis.Table:
    """One row per network and hour: a killed run may have left several parts of one."""
    sent = _of(evidence, "politeness")
    return sent.group_by("network", "hour").agg(
        asn=sent.asn.max(), attempts=sent.attempts.sum(), peak_per_s=sent.peak_per_s.max()
    )


def _peak(
    name: str, rows: list[dict[str, Any]], column: str, at: str, allowed: float | None, definition: str
) -> LedgerPeakRow:
    known = [row for row in rows if row[column] is not None]
    highest = max(known, key=lambda row: int(row[column]), default=None)
    return LedgerPeakRow(
        name=name,
        peak=None if highest is None else highest[column],
        allowed=allowed,
        at=None if highest is None else highest[at],
        definition=definition,
    )


def _allowed(evidence: Evidence) -> dict[str, Any]:
    """Section `politeness` of the run's study.toml; nothing while no stage has ended."""
    rows = evidence.runs.order_by("ended_at").settings_json.to_pyarrow().to_pylist()
    politeness: dict[str, Any] = json.loads(rows[-1]).get("politeness", {}) if rows else {}
    return politeness
