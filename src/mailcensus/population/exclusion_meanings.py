"""The addresses that entries of exclusion files stand for, looked up where that takes a database or the DNS.

At the start of a scan everything is looked up before anybody is asked. While it runs, what is new is looked up in a
thread, since a database takes seconds to read and a resolver may take as long to answer. A domain is looked up again
once an hour; where its lookup failed, once a minute. Addresses that a domain once had stay excluded as long as the
scan runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import reduce

from mailcensus.population.domain_addresses import DomainAddresses, DomainResolver
from mailcensus.population.exclusion_list import Entry, Kind
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.sources import Databases
from mailcensus.study import StudyError

AGAIN_S = 3600.0
RETRY_S = 60.0

_Found = tuple[PrefixSet, str | None]
"""Addresses, and what went wrong."""


class Meanings:
    """What entries stand for. Prefixes stand for themselves and are not asked of it."""

    def __init__(
        self,
        databases: Databases | None,
        resolve: Callable[[str], DomainAddresses],
        clock: Callable[[], float],
        on_problem: Callable[[str], None],
    ) -> None:
        """Prepare to look things up.

        Args:
            databases: those of the study; None where there is no study.
            resolve: tells the addresses of a domain; may block.
            clock: seconds on any steady scale.
            on_problem: told, in one line, what could not be looked up.
        """
        self._databases = databases
        self._resolve = resolve
        self._clock = clock
        self._on_problem = on_problem
        self._known: dict[str, PrefixSet] = {}
        self._due: dict[str, float] = {}
        """When each domain is to be looked up again."""
        self._asked: dict[str, Future[_Found]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="exclusions")

    @classmethod
    def none(cls, clock: Callable[[], float], on_problem: Callable[[str], None]) -> Meanings:
        """For files outside a study: domains by the system's resolver, no databases."""
        return cls(None, DomainResolver().addresses_of, clock, on_problem)

    def of(self, entry: Entry) -> PrefixSet:
        """What an entry stands for as far as that is known."""
        return self._known.get(entry.name, PrefixSet())

    def learn(self, entries: Iterable[Entry]) -> None:
        """Look entries up and wait for it.

        Raises:
            StudyError: there is no database that knows them. A domain that cannot be resolved is a problem only.
        """
        for entry in entries:
            if entry.kind is not Kind.PREFIX and entry.name not in self._known:
                self._take(entry, self._look_up(entry))

    def follow(self, entries: Iterable[Entry]) -> bool:
        """Begin to look up what is new or due, and take what has been found; whether anything has changed."""
        changed = False
        for entry in entries:
            if entry.kind is Kind.PREFIX:
                continue
            future = self._asked.get(entry.name)
            if future is None and self._is_due(entry):
                self._asked[entry.name] = self._thread.submit(self._looked_up, entry)
            elif future is not None and future.done():
                del self._asked[entry.name]
                changed |= self._take(entry, future.result())
        return changed

    def _is_due(self, entry: Entry) -> bool:
        if entry.name not in self._known:
            return True
        return entry.kind is Kind.DOMAIN and self._clock() >= self._due[entry.name]

    def _take(self, entry: Entry, found: _Found) -> bool:
        addresses, problem = found
        before = self._known.get(entry.name, PrefixSet())
        self._known[entry.name] = before.union(addresses)
        if entry.kind is Kind.DOMAIN:
            self._due[entry.name] = self._clock() + (AGAIN_S if problem is None else RETRY_S)
        if problem is not None:
            self._on_problem(problem)
        return self._known[entry.name] != before

    def _looked_up(self, entry: Entry) -> _Found:
        try:
            return self._look_up(entry)
        except StudyError as error:
            return PrefixSet(), f"{entry.name} cannot be excluded: {error}"

    def _look_up(self, entry: Entry) -> _Found:
        if entry.kind is Kind.DOMAIN:
            found = self._resolve(entry.value)
            return found.addresses, _unresolved(entry, found)
        if self._databases is None:
            raise StudyError(f"{entry.name}: only a study has the databases that know its addresses")
        if entry.kind is Kind.AS:
            return self._databases.autonomous_systems().table.prefixes_of_as(int(entry.value)), None
        networks = self._databases.countries().table.prefixes_of_country(entry.value)
        return networks.located.union(networks.registered), None


def joined(sets: Iterable[PrefixSet]) -> PrefixSet:
    """The union of several sets."""
    return reduce(PrefixSet.union, sets, PrefixSet())


def _unresolved(entry: Entry, found: DomainAddresses) -> str | None:
    if not found.failures:
        return None
    more = f" and {len(found.failures) - 1} more" if len(found.failures) > 1 else ""
    return (
        f"{entry.name}: not all of its addresses could be looked up ({found.failures[0]}{more}); "
        f"those known are excluded, and it is tried again in {RETRY_S:g} s"
    )
