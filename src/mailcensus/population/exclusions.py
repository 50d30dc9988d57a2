"""What must never be asked: the study's exclusion files, read again while a scan runs.

Opt-outs come in while a scan of weeks is under way, so membership is asked right before each connection and the
files are looked at on the way, at most once a second. The rule in doubt is to ask fewer: when a file turns bad
while a scan runs (half written, a slip of the pen, gone), what it last said still holds, the lines of it that can
be read hold as well, and the trouble is reported; the scan goes on.

A domain is excluded by its addresses and by name: a host that names itself under it, in a greeting or a certificate,
is asked nothing more once that has been seen (`name_seen`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mailcensus.population.address import parse_address, reached_address
from mailcensus.population.domain_addresses import DomainResolver
from mailcensus.population.exclusion_cover import Cover
from mailcensus.population.exclusion_list import Entry, Kind, is_under, read_entries, readable_entries
from mailcensus.population.exclusion_meanings import Meanings, joined
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.sources import Databases
from mailcensus.study import Study, StudyError

_LOG = logging.getLogger(__name__)
_CHECK_INTERVAL_S = 1.0

_Signature = tuple[int, int, int]
"""Change time in ns, size and inode: what tells that a file is another than it was."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one entry does in a run."""

    file: str
    entry: Entry
    addresses: int | None
    """Of the population, that it covers and no entry before it; None where the population is not known."""
    refused: int
    """Connections it has stopped since the account before."""


class Exclusions:
    """The union of exclusion files, always as they are now (give or take a second).

    Attributes:
        domains: the domains that are excluded now.
        has_news: entries have changed or stopped somebody since `accounts` was called.
    """

    def __init__(
        self,
        paths: Sequence[Path] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        on_problem: Callable[[str], None] = _LOG.warning,
        meanings: Meanings | None = None,
    ) -> None:
        """Read the files.

        Args:
            paths: exclusion files (`exclusion_list`).
            clock: seconds on any steady scale.
            on_problem: told, in one line, of a file that turned bad after this; once for each change of it.
            meanings: looks up what AS numbers, countries and domains stand for.

        Raises:
            StudyError: a file cannot be read or has a bad line, or there is no database that knows an AS number or
                a country in it.
        """
        self._clock = clock
        self._on_problem = on_problem
        self._meanings = meanings or Meanings.none(clock, on_problem)
        self._signatures = {path: _signature(path) for path in paths}
        self._entries = {path: read_entries(path) for path in paths}
        self._unsettled = set(paths)
        self._named: dict[tuple[int, int], str] = {}
        self._refused: Counter[tuple[int, int]] = Counter()
        self._cover: Cover | None = None
        self._population: PrefixSet | None = None
        self._meanings.learn(entry for entries in self._entries.values() for entry in entries)
        self._set_up()
        self._check_at = clock() + _CHECK_INTERVAL_S

    @classmethod
    def of_study(cls, study: Study) -> Exclusions:
        """The exclusion files that study.toml names.

        Raises:
            StudyError: as the constructor.
        """
        resolver = DomainResolver(study.settings.facts.resolvers)
        meanings = Meanings(Databases(study), resolver.addresses_of, time.monotonic, _LOG.warning)
        return cls([study.path(path) for path in study.settings.population.exclusions], meanings=meanings)

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
        version, value = reached_address(version, value)
        if self._all.contains_value(version, value):
            return True
        return bool(self._named) and (version, value) in self._named

    def name_seen(self, version: int, value: int, names: Iterable[str]) -> None:
        """Exclude a host where a name of its own is under an excluded domain."""
        for name in names:
            for domain in self.domains:
                if is_under(name, domain):
                    self._named[reached_address(version, value)] = domain

    def count_refusal(self, version: int, value: int) -> None:
        """Count a connection that was not made since its address is excluded."""
        self._refused[reached_address(version, value)] += 1
        self.has_news = True

    def count_in(self, population: PrefixSet) -> None:
        """From now on let accounts count addresses of a population: all of it, before exclusions."""
        self._population = population
        self.has_news = True

    def accounts(self) -> list[Account]:
        """What each entry covers and has stopped since the last call, in the order of the files."""
        self.has_news = False
        rows = [(path, entry) for path, entries in self._entries.items() for entry in entries]
        if self._cover is None:
            self._cover = Cover([self._addresses_of(entry) for _, entry in rows])
        stopped = self._stopped([entry for _, entry in rows], self._cover)
        shares = None if self._population is None else self._cover.shares(self._population)
        return [
            Account(path.name, entry, None if shares is None else shares[place], stopped[place])
            for place, (path, entry) in enumerate(rows)
        ]

    def _stopped(self, entries: Sequence[Entry], cover: Cover) -> Counter[int]:
        """Refusals since the last call, by the number of the entry that stood in the way."""
        refused, self._refused = self._refused, Counter()
        by_domain = {entry.value: place for place, entry in enumerate(entries) if entry.kind is Kind.DOMAIN}
        stopped: Counter[int] = Counter()
        for address, count in refused.items():
            owner = cover.owner(*address)
            if owner is None:
                owner = by_domain.get(self._named.get(address, ""))
            if owner is not None:
                stopped[owner] += count
        return stopped

    def _addresses_of(self, entry: Entry) -> PrefixSet:
        return PrefixSet.of_parsed([entry.triple]) if entry.triple else self._meanings.of(entry)

    def _set_up(self) -> None:
        """Make what is asked on every connection out of the entries."""
        self._sets = {path: self._set_of(entries) for path, entries in self._entries.items()}
        self._all = joined(self._sets.values())
        self._looked_up = [
            entry for entries in self._entries.values() for entry in entries if entry.kind is not Kind.PREFIX
        ]
        self.domains = frozenset(entry.value for entry in self._looked_up if entry.kind is Kind.DOMAIN)
        self._named = {host: domain for host, domain in self._named.items() if domain in self.domains}
        self._cover = None
        self.has_news = True

    def _set_of(self, entries: Sequence[Entry]) -> PrefixSet:
        plain = PrefixSet.of_parsed(entry.triple for entry in entries if entry.triple is not None)
        return joined([plain, *(self._meanings.of(entry) for entry in entries if entry.triple is None)])

    def _look_again(self) -> None:
        changed = [path for path in self._entries if self._has_changed(path)]
        for path in changed:
            self._entries[path] = self._read_again(path)
        if changed:
            self._set_up()
        if self._looked_up and self._meanings.follow(self._looked_up):
            self._set_up()

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

    def _read_again(self, path: Path) -> tuple[Entry, ...]:
        try:
            return read_entries(path)
        except StudyError as error:
            if path in self._unsettled:
                self._on_problem(f"{error}; until it is mended, what the file said before holds as well")
            return tuple(dict.fromkeys([*self._entries[path], *readable_entries(path)]))


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
