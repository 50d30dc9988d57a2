"""What a run knows about its own eyes, on disk: canaries asked, pauses, the preflight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mailcensus.dataset.parts import PartWriter
from mailcensus.model import CanaryAsk, Pause, PreflightCheck

FLUSH_ROWS = 32


class CanaryLog:
    """Takes questions to canaries and pauses, writes parts. Belongs to the process that has the writer lock."""

    def __init__(self, data: Path) -> None:
        self._ask_parts = PartWriter(data, "canaries", CanaryAsk)
        self._pause_parts = PartWriter(data, "pauses", Pause)
        self._asks: list[CanaryAsk] = []

    def add(self, ask: CanaryAsk) -> None:
        """Take one question that has ended; written with 31 others, or with the next `flush`.

        Raises:
            StageFailed: a part could not be written.
        """
        self._asks.append(ask)
        if len(self._asks) >= FLUSH_ROWS:
            self.flush()

    def add_pause(self, pause: Pause) -> None:
        """Write a pause that has ended, and the questions before it; raises as `add`."""
        self.flush()
        self._pause_parts.write([pause])

    def flush(self) -> None:
        """Write what is waiting; raises as `add`."""
        self._ask_parts.write(self._asks)
        self._asks = []
        self._ask_parts.compact_tiers()

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        self._ask_parts.compact()
        self._pause_parts.compact()


def record_preflight(data: Path, checks: Sequence[PreflightCheck]) -> None:
    """Write the lines of one preflight.

    Raises:
        StageFailed: they could not be written.
    """
    PartWriter(data, "preflights", PreflightCheck).write(checks)
