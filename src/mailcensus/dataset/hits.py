"""From answers on the discovery port to hits on disk, each port of an address once per run.

A canary's answer is a hit of its own: where its address is in the population too, the sweep's answer is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailcensus.dataset.names import Names, name_of
from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.seen import hits_of
from mailcensus.model import Hit


class HitSink:
    """Takes hits, writes parts and the position of discovery."""

    def __init__(
        self, run: CurrentRun, on_stored: Callable[[Sequence[Hit]], None] = lambda hits: None
    ) -> None:
        """Take up the hits of a run.

        Args:
            on_stored: gets hits once they are on disk, those of canaries left out.
        """
        self._run = run
        self._on_stored = on_stored
        self._parts = PartWriter(run.data, "hits", Hit)
        self._seen = Names()
        self._canaries = 0
        for ip, port, canary in hits_of(run.data, run.run_id):
            self._is_new(ip, port, canary)
        self._waiting: list[Hit] = []

    @property
    def count(self) -> int:
        """Hits of this run, those of earlier sessions included and those of canaries left out."""
        return len(self._seen) - self._canaries

    def add(self, hit: Hit) -> bool:
        """Take one hit; False where the run has it already (a window asked again after a crash)."""
        is_new = self._is_new(hit.ip, hit.port, hit.canary)
        if is_new:
            self._waiting.append(hit)
        return is_new

    def checkpoint(self, position: int) -> None:
        """Write what is waiting, then store that all addresses before `position` are done with.

        Raises:
            StudyError: it could not be written; the old position stands.
        """
        self._parts.write(self._waiting)
        stored, self._waiting = self._waiting, []
        self._parts.compact_tiers()
        self._run.checkpoint("discover", position)
        self._on_stored([hit for hit in stored if not hit.canary])

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        self._parts.compact()

    def _is_new(self, ip: str, port: int, canary: bool) -> bool:
        is_new = self._seen.add(name_of(f"{ip} {port} {canary}"))
        self._canaries += canary and is_new
        return is_new
