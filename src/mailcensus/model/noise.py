"""Who answers on ports where hardly anybody listens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import pyarrow as pa

from mailcensus.model.column import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """One address asked on one noise port."""

    run_id: Annotated[str, Column("the run that asked")]
    asked_at: Annotated[datetime, Column("when it was asked")]
    ip: Annotated[str, Column("the address")]
    port: Annotated[int, Column("the noise port", pa.uint16())]
    sampled: Annotated[bool, Column("drawn from the population; false: asked because it is a hit")]
    answered: Annotated[
        bool | None, Column("it took the connection; null: not asked, an exclusion stood in the way")
    ]
