"""Where the addresses of a population come from: one part or two for each source that study.toml names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from mailcensus.population.country import check_countries, country_networks
from mailcensus.population.databases import AddressTable, open_database
from mailcensus.population.former import former_hits
from mailcensus.population.lists import read_hosts, read_prefixes, too_wide_to_sweep
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges
from mailcensus.population.resolved import exchange_addresses
from mailcensus.study import Study, StudyError


@dataclass(frozen=True, slots=True)
class Part:
    """Some addresses of a population and what to call them in tables."""

    name: str
    prefixes: PrefixSet

    @property
    def count(self) -> int:
        """How many addresses it has."""
        return self.prefixes.count


class Database(NamedTuple):
    """An address database and where it lies."""

    path: Path
    table: AddressTable


class Databases:
    """The databases that a study's population names, each read once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._tables: dict[Path, AddressTable] = {}

    def countries(self) -> Database:
        """The country database.

        Raises:
            StudyError: none is named, or it is bad or holds no countries.
        """
        database = self._open("country_database")
        check_countries(*database)
        return database

    def autonomous_systems(self, setting: str = "as_database") -> Database:
        """The AS database that a setting names.

        Raises:
            StudyError: none is named, or it is bad or holds no AS numbers.
        """
        database = self._open(setting)
        if not database.table.has_as:
            raise StudyError(
                f"{database.path}: holds no AS numbers; population.{setting} must be an AS database"
            )
        return database

    def _open(self, setting: str) -> Database:
        named: Path | None = getattr(self._study.settings.population, setting)
        if named is None:
            raise StudyError(
                f"{self._study.directory / 'study.toml'}: population.{setting} is not set; name a database there"
            )
        path = self._study.path(named)
        if path not in self._tables:
            self._tables[path] = open_database(path)
        return Database(path, self._tables[path])


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the addresses of a population come from."""

    parts: tuple[Part, ...]
    """The sources, without what no sweep could get through."""
    wide: tuple[PrefixSet, ...]
    """What no sweep could get through."""

    def union(self) -> PrefixSet:
        """All their addresses."""
        return reduce(PrefixSet.union, (part.prefixes for part in self.parts), PrefixSet())

    def too_wide(self) -> PrefixSet:
        """What no sweep could get through, without addresses that a source names besides."""
        return reduce(PrefixSet.union, self.wide, PrefixSet()).minus(self.union())


def read_sources(study: Study, databases: Databases) -> Sources:
    """Every source that study.toml names.

    Raises:
        StudyError: a source is bad, or there is none.
    """
    blocks = [*_countries(study, databases), *_autonomous_systems(study, databases)]
    wide = [_too_wide(block.prefixes) for block in blocks]
    swept = [Part(block.name, block.prefixes.minus(out)) for block, out in zip(blocks, wide, strict=True)]
    parts = (*swept, *_files(study), *_former_studies(study), *_exchanges(study))
    if not parts:
        raise StudyError(
            f"{study.directory / 'study.toml'}: population: nobody to ask; set population.country, "
            "population.prefixes or population.hosts (or population.as_numbers, population.hits_of, domains.list)"
        )
    return Sources(parts, tuple(wide))


def has_sources(study: Study) -> bool:
    """Whether a study has addresses to ask; one of domains alone may have none (domains.collect)."""
    named = study.settings.population
    files = (named.prefixes, named.hosts, named.hits_of)
    return bool(named.countries or named.as_numbers or any(files)) or _wants_exchanges(study)


def _too_wide(prefixes: PrefixSet) -> PrefixSet:
    """IPv6 ranges wider than a /104."""
    ranges = prefixes.ipv6.pairs()
    return PrefixSet(ipv6=Ranges.of(pair for pair in ranges if too_wide_to_sweep(6, *pair)))


def _countries(study: Study, databases: Databases) -> Iterator[Part]:
    for code in study.settings.population.countries:
        networks = country_networks(*databases.countries(), code)
        yield Part(f"country {code}, located there", networks.located)
        yield Part(f"country {code}, only registered there", networks.registered)


def _autonomous_systems(study: Study, databases: Databases) -> Iterator[Part]:
    for number in dict.fromkeys(study.settings.population.as_numbers):
        path, table = databases.autonomous_systems()
        prefixes = table.prefixes_of_as(number)
        if not prefixes.count:
            raise StudyError(
                f"{path}: no prefix of AS{number} (population.as_numbers); "
                "take the number out or a database that has it"
            )
        yield Part(f"AS{number}", prefixes)


def _files(study: Study) -> Iterator[Part]:
    settings = study.settings.population
    if settings.prefixes is not None:
        path = study.path(settings.prefixes)
        yield Part(f"prefixes {path.name}", read_prefixes(path))
    if settings.hosts is not None:
        path = study.path(settings.hosts)
        yield Part(f"hosts {path.name}", read_hosts(path))


def _former_studies(study: Study) -> Iterator[Part]:
    if (former := study.settings.population.hits_of) is not None:
        path = study.path(former)
        yield Part(f"hits of {path.resolve().name}", former_hits(path))


def _wants_exchanges(study: Study) -> bool:
    return study.settings.domains.list is not None and study.settings.domains.collect


def _exchanges(study: Study) -> Iterator[Part]:
    domains = study.settings.domains.list
    if domains is not None and _wants_exchanges(study):
        yield Part(f"mail exchanges of {domains.name}", exchange_addresses(study))
