"""What a run sent to whom: the ledger of politeness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class SentToNetwork:
    """What one network was sent within one hour. Add up `attempts` over the rows of a run, hour and network."""

    run_id: Annotated[str, Column("the run that asked")]
    hour: Annotated[datetime, Column("beginning of the hour")]
    network: Annotated[str, Column("the /24 or /48")]
    asn: Annotated[
        int | None,
        Column("its autonomous system, by its first address; null: not known", pa.uint32()),
    ] = None
    attempts: Annotated[int, Column("connections begun (SYN packets of zmap and masscan)", pa.uint32())]
    peak_per_s: Annotated[int, Column("most of them within one second of the clock", pa.uint32())]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentInAll:
    """What everybody together was sent within one hour, or the part of it since the last row."""

    run_id: Annotated[str, Column("the run that asked")]
    hour: Annotated[datetime, Column("beginning of the hour")]
    attempts: Annotated[int, Column("connections begun (SYN packets of zmap and masscan)", pa.uint32())]
    peak_per_s: Annotated[int, Column("most of them within one second of the clock", pa.uint32())]
    peak_at: Annotated[datetime, Column("that second")]
    peak_as_per_s: Annotated[
        int | None,
        Column("most to one autonomous system within one second; null: systems are not known", pa.uint32()),
    ] = None
    peak_open: Annotated[
        int, Column("most connections open at once, those that wait for an answer included", pa.uint32())
    ]
