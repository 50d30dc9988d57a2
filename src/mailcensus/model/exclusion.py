"""Whom a run left out, and why."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One line of an exclusion file as a run has it. Add up `refused` over the rows of a run, file and entry."""

    run_id: Annotated[str, Column("the run")]
    written_at: Annotated[datetime.datetime, Column("when this row was written")]
    file: Annotated[str, Column("name of the exclusion file")]
    entry: Annotated[str, Column("whom it excludes, as it stands in the file")]
    kind: Annotated[str, Column("prefix, as, country or domain")]
    reason: Annotated[str, Column("why; `no reason given` where the file does not say")]
    since: Annotated[datetime.date, Column("the date in the file; where there is none, that of the file")]
    addresses: Annotated[
        int | None,
        Column(
            "addresses of the population that it covers and no line before it; null: not counted in this row"
        ),
    ] = None
    refused: Annotated[
        int,
        Column(
            "connections it has stopped since the last row for it: it came after the population", pa.uint32()
        ),
    ] = 0
