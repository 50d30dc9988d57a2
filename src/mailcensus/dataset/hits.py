"""From answers on the discovery port to hits on disk, each port of an address once per run."""

from __future__ import annotations

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.run import CurrentRun
from mailcensus.dataset.seen import hits_of
from mailcensus.model import Hit


class HitSink:
    """Takes hits, writes parts and the position of discovery."""

    def __init__(self, run: CurrentRun) -> None:
        self._run = run
        self._parts = PartWriter(run.data, "hits", Hit)
        self._seen = set(hits_of(run.data, run.run_id))
        self._waiting: list[Hit] = []

    @property
    def count(self) -> int:
        """Hits of this run, those of earlier sessions included."""
        return len(self._seen)

    def add(self, hit: Hit) -> bool:
        """Take one hit; False where the run has it already (a window asked again after a crash)."""
        name = hit.ip, hit.port
        if name in self._seen:
            return False
        self._seen.add(name)
        self._waiting.append(hit)
        return True

    def checkpoint(self, position: int) -> None:
        """Write what is waiting, then store that all addresses before `position` are done with.

        Raises:
            StudyError: it could not be written; the old position stands.
        """
        self._parts.write(self._waiting)
        self._waiting = []
        self._parts.compact_tiers()
        self._run.checkpoint("discover", position)

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        self._parts.compact()
