"""From observations to parts on disk: grabs, and each certificate and key once per dataset.

Keys are written before certificates and certificates before grabs, so whatever a crash leaves, every grab on
disk has its certificates and every certificate its key. What is in memory when a process dies was not final:
it is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mailcensus.dataset.parts import PartWriter
from mailcensus.dataset.shown import Shown
from mailcensus.model import Enumeration, Followup, Grab, Observation

FLUSH_ROWS = 2_000
FLUSH_DER_BYTES = 32 << 20
"""Certificate bytes that may wait in memory; peers choose their size."""


class Recorder:
    """Takes observations, writes parts. One per dataset at a time.

    Attributes:
        recorded: observations taken since it was opened.
    """

    def __init__(self, data: Path, *, flush_rows: int = FLUSH_ROWS) -> None:
        self._grab_parts = PartWriter(data, "grabs", Grab)
        self._followup_parts = PartWriter(data, "followups", Followup)
        self._enumeration_parts = PartWriter(data, "enumerations", Enumeration)
        self._shown = Shown(data)
        self._flush_rows = flush_rows
        self._grabs: list[Grab] = []
        self._followups: list[Followup] = []
        self._enumerations: list[Enumeration] = []
        self._compactor = ThreadPoolExecutor(1, thread_name_prefix="compact")
        self._compaction: Future[None] | None = None
        self.recorded = 0

    def add(self, observation: Observation) -> None:
        """Take one observation; written with the next flush, at the latest when FLUSH_ROWS are waiting.

        Raises:
            StudyError: a part could not be written.
        """
        self._grabs.append(observation.grab)
        self._take(observation)

    def add_followup(self, observation: Observation, purpose: str) -> None:
        """Take one observation that asked again; as `add`."""
        self._followups.append(Followup.of(observation.grab, purpose, observation.starttls_injected))
        self._take(observation)

    def add_enumeration(self, enumeration: Enumeration) -> None:
        """Take the suites of one service in one version; as `add`."""
        self._enumerations.append(enumeration)

    def add_shown(self, certificates: Iterable[bytes], keys: Iterable[bytes]) -> None:
        """Take certificates (DER) and keys (canonical SubjectPublicKeyInfo) that no grab shows; as `add`."""
        self._shown.add(certificates, keys)
        if self._shown.der_bytes >= FLUSH_DER_BYTES:
            self.flush()

    def _take(self, observation: Observation) -> None:
        self.recorded += 1
        self._shown.add(observation.certificates, observation.keys)
        waiting = len(self._grabs) + len(self._followups)
        if waiting >= self._flush_rows or self._shown.der_bytes >= FLUSH_DER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting; what was written is no longer waiting, even when a later table fails.

        Raises:
            StudyError: a part could not be written.
        """
        self._shown.flush()
        self._grab_parts.write(self._grabs)
        self._grabs = []
        self._followup_parts.write(self._followups)
        self._followups = []
        self._enumeration_parts.write(self._enumerations)
        self._enumerations = []
        self._compact_behind()

    def close(self) -> None:
        """Flush and end; for an interruption as for the end.

        Raises:
            StudyError: a part could not be written.
        """
        try:
            self.flush()
        finally:
            self._compactor.shutdown(wait=True)
        if self._compaction is not None:
            self._compaction.result()

    def compact(self) -> None:
        """Merge small parts, once nothing more is to come."""
        for parts in self._tables():
            parts.compact()

    def _compact_behind(self) -> None:
        """Merge full tiers in a thread: the big ones take seconds, which no deadline of a grab should wait for."""
        if self._compaction is not None:
            if not self._compaction.done():
                return
            self._compaction.result()
        self._compaction = self._compactor.submit(self._compact_tiers)

    def _compact_tiers(self) -> None:
        for parts in self._tables():
            parts.compact_tiers()

    def _tables(self) -> tuple[PartWriter, ...]:
        return (
            *self._shown.parts,
            self._grab_parts,
            self._followup_parts,
            self._enumeration_parts,
        )
