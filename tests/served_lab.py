"""A lab in a process of its own, and where it may listen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mailcensus.lab.ledger import Visit, read_ledger
from mailcensus.lab.plan import Plan
from mailcensus.lab.truth import Truth


def own_block(number: int = 0) -> str:
    """A /24 of 127.0.0.0/8 that no other test process uses at the same time."""
    pid = os.getpid()
    return f"127.{100 + pid % 100}.{(pid // 100 * 4 + number) % 256}.0/24"


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
