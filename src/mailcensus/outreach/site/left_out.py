"""Whether an address is left out now, by any exclusion file of the study."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from mailcensus.population.exclusion_list import readable_entries
from mailcensus.population.prefixes import PrefixSet


class LeftOut:
    """Addresses and prefixes in exclusion files; ASes, countries and domains in them are not looked up."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._seen: tuple[object, ...] | None = None
        self._addresses = PrefixSet()
        self._lock = threading.Lock()

    def holds(self, ip: str) -> bool:
        """Whether an address is in them as they are now. Reads files: call it in a thread."""
        with self._lock:
            now = tuple(_signature(path) for path in self._files)
            if now != self._seen:
                triples = [
                    entry.triple for path in self._files for entry in readable_entries(path) if entry.triple
                ]
                self._seen, self._addresses = now, PrefixSet.of_parsed(triples)
            return self._addresses.contains(ip)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
