"""What flows were read from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import ibis

from mailcensus.analysis.evidence import Evidence
from mailcensus.model import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSourceRow:
    """One kind of source, over all that was read into the study."""

    reader: Annotated[str, Column("capture, zeek")]
    kind: Annotated[str, Column("pcap or pcapng; of Zeek the log's name")]
    sources: Annotated[int, Column("files, streams and interfaces")]
    ended_early: Annotated[int, Column("of sources: could not be read to their end")]
    records: Annotated[int, Column("packets or rows read")]
    bytes: Annotated[int, Column("bytes read, decompressed")]
    flows: Annotated[int, Column("rows of `flows` that came of it")]
    set_apart: Annotated[
        int, Column("everything passed over, bad or dropped, counted together (see flow_sources)")
    ]
    first_at: Annotated[datetime | None, Column("time of the first packet or row")]
    last_at: Annotated[datetime | None, Column("time of the last one")]
    clients: Annotated[str, Column("what became of client addresses: drop, hash, keep")]


def passive_sources(evidence: Evidence) -> ibis.Table:
    """Files, streams and interfaces that flows were read from.

    Returns:
        One row per reader, kind and treatment of clients.
    """
    rows = evidence.dataset.table("flow_sources")
    by = ["reader", "kind", "clients"]
    counts = rows.group_by(by).agg(
        sources=rows.count(),
        ended_early=rows.error.count(),
        records=rows.records.sum().cast("int64"),
        bytes=rows.bytes.sum().cast("int64"),
        flows=rows.flows.sum().cast("int64"),
        first_at=rows.first_at.min(),
        last_at=rows.last_at.max(),
    )
    each = rows.select(*by, one=rows.counts.unnest())
    apart = each.group_by(by).agg(set_apart=each.one["count"].sum().cast("int64"))
    both = counts.left_join(apart, by).mutate(set_apart=ibis._.set_apart.fill_null(0))
    return both.order_by(by)
