"""What must never be asked: the study's exclusion files, read again while a scan runs.

Opt-outs come in while a scan of weeks is under way, so membership is asked right before each connection and the
files are looked at on the way, at most once a second. The rule in doubt is to ask fewer: when a file turns bad
while a scan runs (half written, a slip of the pen, gone), what it last said still holds, the lines of it that can
be read hold as well, and the trouble is reported; the scan goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from mailcensus.population.address import parse_address, reached_address
from mailcensus.population.lists import read_exclusions, read_what_can_be_read
from mailcensus.population.prefixes import PrefixSet
from mailcensus.study import Study, StudyError

_LOG = logging.getLogger(__name__)
_CHECK_INTERVAL_S = 1.0

_Signature = tuple[int, int, int]
"""Change time in ns, size and inode: what tells that a file is another than it was."""


class Exclusions:
    """The union of exclusion files, always as they are now (give or take a second)."""

    def __init__(
        self,
        paths: Sequence[Path] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        on_problem: Callable[[str], None] = _LOG.warning,
    ) -> None:
        """Read the files.

        Args:
            paths: files of prefixes and addresses, one a line.
            clock: seconds on any steady scale.
            on_problem: told, in one line, of a file that turned bad after this; once for each change of it.

        Raises:
            StudyError: a file cannot be read or has a line that is no prefix.
        """
        self._clock = clock
        self._on_problem = on_problem
        self._signatures = {path: _signature(path) for path in paths}
        self._sets = {path: read_exclusions(path) for path in paths}
        self._unsettled = set(paths)
        self._all = _union(self._sets.values())
        self._check_at = clock() + _CHECK_INTERVAL_S

    @classmethod
    def of_study(cls, study: Study) -> Exclusions:
        """The exclusion files that study.toml names.

        Raises:
            StudyError: as the constructor.
        """
        return cls([study.path(path) for path in study.settings.population.exclusions])

    @property
    def by_file(self) -> Mapping[Path, PrefixSet]:
        """What each file says, in the order of study.toml."""
        return MappingProxyType(self._sets)

    def contains(self, ip: str) -> bool:
        """Whether an address must not be asked.

        Raises:
            ValueError: not an address.
        """
        return self.contains_value(*parse_address(ip))

    def contains_value(self, version: int, value: int) -> bool:
        """Whether an address, given as `parse_address` gives it, must not be asked."""
        now = self._clock()
        if now >= self._check_at:
            self._check_at = now + _CHECK_INTERVAL_S
            self._look_again()
        return self._all.contains_value(*reached_address(version, value))

    def _look_again(self) -> None:
        changed = [path for path in self._sets if self._has_changed(path)]
        for path in changed:
            self._sets[path] = self._read_again(path)
        if changed:
            self._all = _union(self._sets.values())

    def _has_changed(self, path: Path) -> bool:
        """Whether to read a file again: it is another than it was, or was so at the last look.

        The second look catches a write that came right after a reading, within the file system's clock tick.
        """
        signature = _signature(path)
        if signature != self._signatures[path]:
            self._signatures[path] = signature
            self._unsettled.add(path)
            return True
        if path in self._unsettled:
            self._unsettled.remove(path)
            return signature is not None
        return False

    def _read_again(self, path: Path) -> PrefixSet:
        try:
            return read_exclusions(path)
        except StudyError as error:
            if path in self._unsettled:
                self._on_problem(f"{error}; until it is mended, what the file said before holds as well")
            return self._sets[path].union(read_what_can_be_read(path))


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _union(sets: Iterable[PrefixSet]) -> PrefixSet:
    return reduce(PrefixSet.union, sets, PrefixSet())
