"""All tables about senders, of a study's newest experiment.

Experiments have some thousand attempts and their rows follow from time and order, so they are worked out row by row
and not by queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import ibis
import pyarrow as pa

from mailcensus.analysis.evidence import Evidence
from mailcensus.analysis.senders.capabilities import capability_rows
from mailcensus.analysis.senders.matching import match
from mailcensus.analysis.senders.pivot import pivot
from mailcensus.analysis.senders.rows import (
    ConditionRow,
    PublishedFindingRow,
    RecommendationRow,
    SenderCapabilityRow,
    SenderMatrixRow,
    TlsReportRow,
    UnmatchedRow,
)
from mailcensus.analysis.senders.summaries import (
    condition_rows,
    published_rows,
    recommendation_rows,
    report_rows,
    unmatched_rows,
)
from mailcensus.analysis.senders.verdicts import Watched, matrix_rows
from mailcensus.analysis.table_spec import TableSpec
from mailcensus.dataset.tables import Dataset
from mailcensus.model import schema_of
from mailcensus.senders.run_sheet import read_sheet
from mailcensus.senders.watch_file import current_watch


@dataclass(frozen=True, slots=True)
class SenderTables:
    """The rows of all tables."""

    matrix: Sequence[SenderMatrixRow] = ()
    capabilities: Sequence[SenderCapabilityRow] = ()
    conditions: Sequence[ConditionRow] = ()
    recommendations: Sequence[RecommendationRow] = ()
    published: Sequence[PublishedFindingRow] = ()
    reports: Sequence[TlsReportRow] = ()
    unmatched: Sequence[UnmatchedRow] = ()


_Pick = Callable[[SenderTables], Sequence[Any]]


def sender_tables(dataset: Dataset) -> SenderTables:
    """Everything about the newest experiment; nothing where there is none.

    Raises:
        StudyError: the run sheet cannot be read.
    """
    conditions: list[dict[str, Any]] = dataset.table("sender_conditions").to_pyarrow().to_pylist()
    if not conditions:
        return SenderTables()
    run_id = conditions[0]["run_id"]
    tokens, attempts, watches, fetches, reports = (
        [row for row in dataset.table(name).to_pyarrow().to_pylist() if row["run_id"] == run_id]
        for name in ("sender_tokens", "attempts", "sender_watches", "policy_fetches", "tls_reports")
    )
    attempts.sort(key=lambda row: row["started_at"])
    matched = match(tokens, attempts)
    noted = read_sheet(dataset.data.parent / "senders" / "run-sheet.csv")
    matrix = matrix_rows(tokens, matched, noted, _watched(dataset, run_id, watches), fetches)
    return SenderTables(
        matrix=matrix,
        capabilities=capability_rows(tokens, matched, fetches, reports),
        conditions=condition_rows(conditions, matrix),
        recommendations=recommendation_rows(matrix),
        published=published_rows(matrix) if matrix else (),
        reports=report_rows(reports),
        unmatched=unmatched_rows(matched.unmatched),
    )


def _watched(dataset: Dataset, run_id: str, watches: Sequence[dict[str, Any]]) -> Watched:
    spans = [(row["started_at"], row["ended_at"]) for row in watches]
    now = current_watch(dataset.data)
    if now is not None and now.run_id == run_id:
        spans.append((now.started_at, now.ended_at + timedelta(0)))
    return Watched(spans)


def arrow(row: type, rows: Sequence[Any]) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_pylist([asdict(each) for each in rows], schema=schema_of(row))


def _table(row: type, pick: _Pick) -> Callable[[Evidence], ibis.Table]:
    def make(evidence: Evidence) -> ibis.Table:
        tables = evidence.once("sender tables", lambda: sender_tables(evidence.dataset))
        return ibis.memtable(arrow(row, pick(tables)))

    return make


def _spec(name: str, title: str, caption: str, row: type, pick: _Pick) -> tuple[TableSpec, _Pick]:
    return TableSpec(name, title, caption, row, _table(row, pick), source="sender_conditions"), pick


_TABLES: tuple[tuple[TableSpec, _Pick], ...] = (
    _spec(
        "sender_matrix",
        "Senders at each condition",
        "One row per sender and condition: what became of its message, and how it came to that. `careful` compares "
        "with what the rule of the condition asks of senders.",
        SenderMatrixRow,
        lambda tables: tables.matrix,
    ),
    _spec(
        "sender_conditions_summary",
        "Conditions over all senders",
        "One row per condition. Shares are of the senders of which it is known what they did there.",
        ConditionRow,
        lambda tables: tables.conditions,
    ),
    _spec(
        "sender_capabilities",
        "What senders can do",
        "One row per sender, by the ClientHellos of all connections that are known to be its own.",
        SenderCapabilityRow,
        lambda tables: tables.capabilities,
    ),
    _spec(
        "sender_recommendations",
        "What should change",
        "One row per finding that holds for any sender of the experiment.",
        RecommendationRow,
        lambda tables: tables.recommendations,
    ),
    _spec(
        "sender_published",
        "What others found of senders",
        "Published findings, in short, beside what is comparable of this experiment; senders and years differ.",
        PublishedFindingRow,
        lambda tables: tables.published,
    ),
    _spec(
        "sender_reports",
        "TLS reports",
        "What senders' operators reported of their own deliveries (RFC 8460), by organization, condition and policy.",
        TlsReportRow,
        lambda tables: tables.reports,
    ),
    _spec(
        "sender_unmatched",
        "Connections of nobody",
        "Connections that belong to no sender of the experiment: strangers, scanners, and senders that never named a "
        "recipient.",
        UnmatchedRow,
        lambda tables: tables.unmatched,
    ),
)

SENDER_TABLES: tuple[TableSpec, ...] = tuple(spec for spec, _ in _TABLES)


def all_tables(tables: SenderTables) -> list[tuple[TableSpec, pa.Table]]:
    """Each table's entry and rows, in the order of the catalogue."""
    return [(spec, arrow(spec.row, pick(tables))) for spec, pick in _TABLES]


def pivot_spec(row: type) -> TableSpec:
    """The entry of the matrix as `pivot` makes it."""
    return TableSpec(
        "sender_pivot",
        "The matrix",
        "One row per condition, one column per sender: what became of its message.",
        row,
        lambda evidence: ibis.memtable(pivot(sender_tables(evidence.dataset).matrix)[1]),
    )
