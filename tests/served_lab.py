"""A lab in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailcensus.lab.ledger import Visit, read_ledger
from mailcensus.lab.plan import Plan
from mailcensus.lab.truth import Truth


@dataclass(frozen=True)
class Served:
    """A lab that is being served."""

    plan: Plan
    truth: Truth
    ledger_path: Path

    def visits(self, wanted: Callable[[Visit], bool], count: int) -> list[Visit]:
        """The wanted visits, once there are `count` of them; a visit is noted when its connection ends."""
        give_up = time.monotonic() + 60
        while True:
            visits = [visit for visit in read_ledger(self.ledger_path) if wanted(visit)]
            if len(visits) >= count or time.monotonic() > give_up:
                return visits
            time.sleep(0.02)
