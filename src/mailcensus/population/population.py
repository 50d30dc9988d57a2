"""The population of a study: its sources, less what is special, less what is excluded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from mailcensus.population.country import read_country
from mailcensus.population.exclusions import Exclusions
from mailcensus.population.lists import read_hosts, read_prefixes, too_wide_to_sweep
from mailcensus.population.order import AskingOrder
from mailcensus.population.prefixes import PrefixSet
from mailcensus.population.ranges import Ranges
from mailcensus.population.special import SPECIAL_PREFIXES
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


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a study may ask, and how that came about."""

    prefixes: PrefixSet
    """Who may be asked: the union of the sources without `left_out`."""
    sources: tuple[Part, ...]
    """Where the addresses come from. An address may be in several."""
    left_out: tuple[Part, ...]
    """What is not asked, by reason. An address counts for the first reason that applies."""
    order: AskingOrder
    """The order of asking, and the positions in it."""

    def __len__(self) -> int:
        """How many addresses may be asked."""
        return self.prefixes.count

    def targets(self, start: int = 0) -> Iterator[tuple[int, str]]:
        """Positions from `start` on, ascending, with the addresses to ask there; excluded ones are passed over."""
        for positions, addresses in self.order.chunks(start):
            yield from zip(positions, addresses, strict=True)

    def addresses(self, start: int = 0) -> Iterator[str]:
        """The addresses to ask in the order of asking, from a position on."""
        return (address for _, address in self.targets(start))


def load_population(study: Study) -> Population:
    """The population that study.toml describes.

    Raises:
        StudyError: a source or an exclusion file is bad, there is no source, or there are public addresses but
            nobody they could turn to.
    """
    sources, unsweepable = _sources(study)
    everyone = reduce(PrefixSet.union, (source.prefixes for source in sources), PrefixSet())
    left_out = [Part("IPv6 prefixes too wide to sweep", unsweepable.minus(everyone))]
    if not study.settings.study.allow_special:
        special = Part("special-purpose addresses (RFC 6890)", SPECIAL_PREFIXES)
        everyone = _leave_out(everyone, special, left_out)
    allowed = everyone
    for path, prefixes in Exclusions.of_study(study).by_file.items():
        allowed = _leave_out(allowed, Part(f"exclusions {path.name}", prefixes), left_out)
    _check_contact(study, allowed)
    order = AskingOrder(everyone, allowed, study.settings.population.seed)
    return Population(allowed, sources, tuple(part for part in left_out if part.count), order)


def _sources(study: Study) -> tuple[tuple[Part, ...], PrefixSet]:
    """The sources, and what of them no sweep could get through."""
    settings = study.settings.population
    sources: list[Part] = []
    unsweepable = PrefixSet()
    if settings.country is not None and settings.country_database is not None:
        networks = read_country(study.path(settings.country_database), settings.country)
        for basis, prefixes in (("located", networks.located), ("only registered", networks.registered)):
            wide = PrefixSet(ipv6=_too_wide(prefixes.ipv6))
            sources.append(Part(f"country {settings.country.upper()}, {basis} there", prefixes.minus(wide)))
            unsweepable = unsweepable.union(wide)
    if settings.prefixes is not None:
        path = study.path(settings.prefixes)
        sources.append(Part(f"prefixes {path.name}", read_prefixes(path)))
    if settings.hosts is not None:
        path = study.path(settings.hosts)
        sources.append(Part(f"hosts {path.name}", read_hosts(path)))
    if not sources:
        raise StudyError(
            f"{study.directory / 'study.toml'}: population: nobody to ask; "
            "set population.country, population.prefixes or population.hosts"
        )
    return tuple(sources), unsweepable


def _too_wide(ranges: Ranges) -> Ranges:
    return Ranges.of((start, stop) for start, stop in ranges.pairs() if too_wide_to_sweep(6, start, stop))


def _leave_out(some: PrefixSet, reason: Part, left_out: list[Part]) -> PrefixSet:
    """The addresses without those of the reason, which are noted."""
    left_out.append(Part(reason.name, some.intersect(reason.prefixes)))
    return some.minus(reason.prefixes)


def _check_contact(study: Study, allowed: PrefixSet) -> None:
    """Public addresses are asked only by somebody they can turn to."""
    settings = study.settings.study
    public = allowed.minus(SPECIAL_PREFIXES)
    wanted = (("study.contact", settings.contact), ("study.opt_out", settings.opt_out))
    missing = [name for name, value in wanted if value is None or not value.strip()]
    if public.count and missing:
        raise StudyError(
            f"{study.directory / 'study.toml'}: {' and '.join(missing)} not set, and the population has "
            f"{public.count:,} public addresses; set study.contact and study.opt_out to say where those asked "
            "can reach you and how they opt out"
        )
